import { type GuestState, type StateRequest, transition } from "./guest-state.ts";

const SETTLED = ["off", "running", "paused", "saved"] as const satisfies readonly GuestState[];
const REQUESTS = ["start", "turn off", "save", "pause", "reset"] as const satisfies readonly StateRequest[];

describe("The state of a guest", () => {
  it.each([
    ["off", ["running", null, null, null, null]],
    ["running", [null, "off", "saved", "paused", "running"]],
    ["paused", ["running", "off", "saved", null, "running"]],
    ["saved", ["running", "off", null, null, null]],
  ] as const)("changes from %s where Hyper-V allows it", (state, ends) => {
    expect(REQUESTS.map((request) => transition(state, request)?.to ?? null)).toEqual(ends);
  });

  it("does not change while it is changing", () => {
    const between = ["starting", "stopping", "saving", "pausing", "resuming", "resetting"] as const;
    for (const state of between)
      for (const request of REQUESTS) expect(transition(state, request)).toBeUndefined();
  });

  it("is one of those on the way before it is what was asked for", () => {
    for (const state of SETTLED)
      for (const request of REQUESTS) {
        const via = transition(state, request)?.via;
        if (via !== undefined) expect(SETTLED).not.toContain(via);
      }
  });
});
