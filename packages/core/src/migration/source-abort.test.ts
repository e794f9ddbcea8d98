import type { SourceFact } from "./facts.ts";
import { beginSource, restartSource, stepSource } from "./source.ts";
import type { Common, SourceStep } from "./source-state.ts";

const COMMON: Common = { mode: "live", disks: [], abortOnIoError: false };
const LOST: SourceFact = { fact: "peerLost", message: "silence" };
const GONE_THERE: SourceFact = { fact: "peerDiscarded", leftovers: [] };
const DUE: SourceFact = { fact: "retryDue" };
const HOME: SourceFact = { fact: "rolledBack" };
const refused = (effect: "rollBack" | "end", message = "not now"): SourceFact => ({
  ...{ fact: "commandFailed", effect, reason: "HYPERVISOR_FAILED", message },
});

function all(from: SourceStep, ...facts: readonly SourceFact[]): SourceStep {
  return facts.reduce((step, fact) => stepSource(step.state, fact), from);
}

/** One that has given up, and whose destination has nothing of the guest any more. */
const aborting = (...facts: readonly SourceFact[]): SourceStep =>
  all(beginSource(COMMON), LOST, GONE_THERE, ...facts);

describe("a source whose guest cannot be let go on as before", () => {
  it("does not say that it is home, and tries again behind a pause that grows with every failure", () => {
    const first = aborting(refused("rollBack"));
    expect(first).toMatchObject({
      state: { phase: "aborting", home: "waiting", trouble: { message: "not now" } },
      effects: [{ effect: "startPause", attempts: 1 }],
    });
    const again = stepSource(first.state, DUE);
    expect(again.effects).toEqual([{ effect: "rollBack", linkLost: true }]);
    expect(stepSource(again.state, refused("rollBack")).effects).toEqual([
      { effect: "startPause", attempts: 2 },
    ]);
  });

  it("ends as failed with the guest at home when it has failed five times and then works", () => {
    const failures = Array.from({ length: 5 }, () => [refused("rollBack"), DUE]).flat();
    expect(aborting(...failures).state.phase).toBe("aborting");
    expect(aborting(...failures, HOME)).toMatchObject({
      state: { phase: "failed", guestLost: false, cause: { reason: "PEER_LOST" } },
      effects: [{ effect: "finish" }],
    });
  });

  it("says what its hypervisor could not remove though the guest runs", () => {
    const { state } = aborting({ ...HOME, leftovers: ["job vda does not end"] });
    expect(state).toMatchObject({ phase: "failed", leftovers: ["job vda does not end"] });
  });

  it.each<[string, SourceFact]>([
    ["ends", { fact: "sourceExited", message: "killed" }],
    ["is destroyed by its user", { fact: "destroyed", actor: "ann" }],
  ])("ends with the guest lost when that %s meanwhile, and leaves it alone then", (_, end) => {
    const ended = aborting(refused("rollBack"), end);
    expect(ended.state).toMatchObject({ phase: "failed", guestLost: "here" });
    expect(stepSource(ended.state, DUE)).toEqual({ state: ended.state, effects: [] });
    // The destination has not said yet what became of its side.
    const cancelled = all(beginSource(COMMON), { fact: "cancelled", actor: "ann" }, refused("rollBack"), end);
    expect(cancelled.state).toMatchObject({ phase: "aborting", home: "lost" });
    expect(stepSource(cancelled.state, DUE).effects).toEqual([]);
    expect(stepSource(cancelled.state, refused("rollBack")).effects).toEqual([]);
  });

  it("tries nothing again when it is home, or before anything has failed", () => {
    const cancelled = all(beginSource(COMMON), { fact: "cancelled", actor: "ann" });
    expect(stepSource(cancelled.state, DUE)).toEqual({ state: cancelled.state, effects: [] });
    expect(all(cancelled, refused("rollBack"), HOME, DUE).effects).toEqual([]);
  });

  it("tries anew in an agent that was started again", () => {
    const { state, effects } = restartSource(COMMON, "aborting");
    expect(effects).toContainEqual({ effect: "rollBack", linkLost: true });
    expect(all({ state, effects }, refused("rollBack"), DUE).effects).toEqual([
      { effect: "rollBack", linkLost: true },
    ]);
  });

  it("tells the destination nothing else while it tries", () => {
    const told = [GONE_THERE, LOST, refused("rollBack"), DUE, refused("rollBack"), DUE].reduce<{
      step: SourceStep;
      effects: readonly string[];
    }>(
      ({ step, effects }, fact) => {
        const next = stepSource(step.state, fact);
        return { step: next, effects: [...effects, ...next.effects.map((e) => e.effect)] };
      },
      { step: aborting(), effects: [] },
    );
    expect(new Set(told.effects)).toEqual(new Set(["startPause", "rollBack"]));
  });
});

describe("a source that cannot end a guest of which neither host has all", () => {
  it("does not say that it is off, and tries again to end it", () => {
    const forfeited = restartSource(COMMON, "forfeited", "nowhere whole");
    const failed = all(forfeited, refused("end"));
    expect(failed.state).toMatchObject({ phase: "aborting", home: "waiting" });
    expect(all(failed, DUE).effects).toEqual([{ effect: "end" }]);
    expect(all(failed, DUE, { fact: "sourceExited", message: "ended" }).state).toMatchObject({
      ...{ phase: "failed", guestLost: "here", cause: { reason: "GUEST_LOST" } },
    });
  });
});
