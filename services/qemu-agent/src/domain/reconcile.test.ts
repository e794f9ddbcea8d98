import { reconciled } from "./reconcile.ts";
import type { Situation } from "./translate.ts";

const RUNNING: Situation = { state: "running", reason: "booted", rebooting: false, begun: true };
const PAUSED: Situation = { ...RUNNING, state: "paused", reason: "watchdog", stopCause: "watchdog" };

describe("the situation after a gap in the events", () => {
  it("is the one of before when QEMU says nothing else", () => {
    expect(reconciled(RUNNING, "running")).toBe(RUNNING);
    expect(reconciled(PAUSED, "paused")).toBe(PAUSED);
  });

  it.each([
    [RUNNING, "paused", "paused", "user"],
    [RUNNING, "io-error", "paused", "io-error"],
    [{ ...RUNNING, migrating: "out" }, "paused", "paused", "migration"],
    [{ ...RUNNING, migrating: "out" }, "postmigrate", "paused", "migration"],
    [PAUSED, "running", "running", "unpaused"],
    [RUNNING, "suspended", "pmsuspended", "memory"],
    [RUNNING, "guest-panicked", "paused", "crashed"],
  ] as const)("follows QEMU from %o when it says %s", (before, status, state, reason) => {
    const after = reconciled(before, status);
    expect([after.state, after.reason]).toEqual([state, reason]);
    expect(after.stopCause).toBeUndefined();
  });
});
