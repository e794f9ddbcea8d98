import { happenings, type Life, standingOf } from "./story.ts";

const OFF: Life = { power: "poweredOff", bootTimeMs: 0, etag: "a" };
const ON: Life = { power: "poweredOn", bootTimeMs: 1_000, etag: "a" };
const SUSPENDED: Life = { power: "suspended", bootTimeMs: 1_000, etag: "a" };

describe("what happened to a guest between two looks", () => {
  it.each<[string, Life | undefined, Life | undefined, readonly string[]]>([
    ["it came", undefined, OFF, ["defined added"]],
    ["it came running", undefined, ON, ["defined added", "started migrated"]],
    ["it came suspended", undefined, SUSPENDED, ["defined added", "started migrated", "suspended paused"]],
    ["it went", OFF, undefined, ["undefined removed"]],
    ["it went while it ran", ON, undefined, ["stopped migrated", "undefined removed"]],
    ["it was started", OFF, ON, ["started booted"]],
    ["it was suspended", ON, SUSPENDED, ["suspended paused"]],
    ["it was resumed", SUSPENDED, ON, ["resumed unpaused"]],
    ["it was started and suspended", OFF, SUSPENDED, ["started booted", "suspended paused"]],
    ["it was changed", OFF, { ...OFF, etag: "b" }, ["defined updated"]],
    ["it booted anew", ON, { ...ON, bootTimeMs: 2_000 }, ["rebooted"]],
    ["nothing", ON, ON, []],
  ])("is told: %s", (_, before, after, told) => {
    expect(
      happenings(before, after, undefined, true).map(({ type, detail }) => `${type} ${detail}`.trim()),
    ).toEqual(told);
  });

  it("is no move when something may have been missed", () => {
    expect(happenings(undefined, ON, undefined, false).map(({ detail }) => detail)).toEqual([
      "added",
      "booted",
    ]);
    expect(happenings(ON, undefined, undefined, false)[0]).toEqual({ type: "stopped", detail: "shutdown" });
  });

  it("is a destruction only when one was asked for", () => {
    expect(happenings(ON, OFF, "destroy", true)).toEqual([{ type: "stopped", detail: "destroyed" }]);
  });

  it("is the reason of its state, which is unknown for what was so before", () => {
    expect(standingOf("poweredOn", { type: "resumed", detail: "unpaused" })).toEqual({
      state: "running",
      reason: "unpaused",
    });
    expect(standingOf("poweredOn", undefined)).toEqual({ state: "running", reason: "unknown" });
  });
});
