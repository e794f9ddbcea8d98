import type { Power } from "./power.ts";
import { happenings, type Life, standingOf } from "./story.ts";

function life(power: Power, more: Partial<Life> = {}): Life {
  return { power, stateTimeMs: 5_000, onTimeMs: 1_000, etag: "a", ...more };
}

describe("what happened to a guest between two looks", () => {
  it.each<[string, Life | undefined, Life | undefined, readonly string[]]>([
    ["it came", undefined, life("off"), ["defined added"]],
    ["it came running", undefined, life("running"), ["defined added", "started booted"]],
    ["it went", life("off"), undefined, ["undefined removed"]],
    ["it went while it ran", life("running"), undefined, ["stopped shutdown", "undefined removed"]],
    ["it was started", life("off"), life("running"), ["started booted"]],
    ["it went on from where it was saved", life("saved"), life("running"), ["started restored"]],
    ["it was saved", life("paused"), life("saved"), ["stopped saved"]],
    ["what was saved was forgotten", life("saved"), life("off"), []],
    ["it was suspended", life("running"), life("paused"), ["suspended paused"]],
    ["it was resumed", life("paused"), life("running"), ["resumed unpaused"]],
    ["it was changed", life("off"), life("off", { etag: "b" }), ["defined updated"]],
    ["it booted anew", life("running"), life("running", { onTimeMs: 10, stateTimeMs: 6_000 }), ["rebooted"]],
    ["nothing, by an event that came late", life("running"), life("running", { onTimeMs: 10 }), []],
    ["nothing", life("running"), life("running", { onTimeMs: 2_000 }), []],
  ])("is told: %s", (_, before, after, told) => {
    const found = happenings(before, after, undefined);
    expect(found.map(({ type, detail }) => `${type} ${detail}`.trim())).toEqual(told);
  });

  it("is a destruction only when one was asked for", () => {
    expect(happenings(life("running"), life("off"), "destroy")).toEqual([
      { type: "stopped", detail: "destroyed" },
    ]);
  });

  it("is a migration when it was one, on both sides", () => {
    const told = (all: ReturnType<typeof happenings>): readonly string[] =>
      all.map(({ type, detail }) => `${type} ${detail}`);
    expect(told(happenings(undefined, life("running"), "migrate"))).toEqual([
      "defined added",
      "started migrated",
    ]);
    expect(told(happenings(life("running"), undefined, "migrate"))).toEqual([
      "stopped migrated",
      "undefined removed",
    ]);
    expect(standingOf("running", { type: "started", detail: "migrated" })).toEqual({
      ...{ state: "running", reason: "migrated" },
    });
  });

  it("is the reason of its state, which is unknown for what was so before", () => {
    expect(standingOf("running", undefined)).toEqual({ state: "running", reason: "unknown" });
    expect(standingOf("off", { type: "stopped", detail: "destroyed" })).toEqual({
      state: "shutoff",
      reason: "destroyed",
    });
    expect(standingOf("saved", undefined)).toEqual({ state: "shutoff", reason: "saved" });
  });
});
