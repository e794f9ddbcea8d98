import { generation } from "../ids.ts";
import { restartDestination, standingOf, stepDestination } from "./destination.ts";
import type { DestinationState, DestinationStep } from "./destination-state.ts";
import type { DestinationFact } from "./facts.ts";

const NEXT = generation(7n);

describe("a destination whose agent was killed and started again", () => {
  it("takes the run token, which it may not have had the time for, when the guest ran already", () => {
    expect(restartDestination("resumed", NEXT, { alive: true, postcopy: false }).effects).toEqual([
      { effect: "adopt", generation: NEXT },
      { effect: "finish" },
    ]);
  });

  it("keeps a guest that died after the decision as its own, with the run token", () => {
    const restarted = restartDestination("resuming", NEXT, { alive: false, postcopy: false });
    const { state, effects } = stepDestination(restarted.state, {
      fact: "recordDestination",
      generation: NEXT,
    });
    expect(state.phase).toBe("running");
    expect(effects).toContainEqual({ effect: "adopt", generation: NEXT });
  });

  it("never promises for a guest that may have run before the restart, when its QEMU ends only later", () => {
    const restarted = restartDestination("resuming", NEXT, { alive: true, postcopy: false });
    const record = { fact: "recordDestination", generation: NEXT } as const;
    const confirmed = stepDestination({ ...restarted.state, has: "all" } as DestinationState, record);
    expect(confirmed.effects).toEqual([{ effect: "resume" }]);
    const { state, effects } = stepDestination(confirmed.state, {
      fact: "incomingFailed",
      message: "killed",
    });
    expect(state.phase).toBe("running");
    expect(effects.map((e) => e.effect)).toEqual(["tellResumed", "journal", "adopt", "finish"]);
  });

  it.each([
    ["nothing", "lost"],
    ["part", "lost"],
    ["all", "resumed"],
  ])(
    "says of a post-copy whose QEMU ends later, when it has shown %s of the memory, that it is %s",
    (has, journalled) => {
      const restarted = restartDestination("resuming", NEXT, { alive: true, postcopy: true });
      const record = { fact: "recordDestination", generation: NEXT } as const;
      const confirmed = stepDestination({ ...restarted.state, has } as DestinationState, record);
      const { effects } = stepDestination(confirmed.state, { fact: "incomingFailed", message: "killed" });
      expect(effects).toContainEqual({ effect: "journal", entry: journalled });
    },
  );

  it("opens a door though its hypervisor has said nothing yet: it may hang on memory that it lacks", () => {
    const record = { fact: "recordDestination", generation: NEXT } as const;
    const wants = (postcopy: boolean) => {
      const restarted = restartDestination("resuming", NEXT, { alive: true, postcopy });
      const confirmed = stepDestination(restarted.state, record);
      return stepDestination(confirmed.state, { fact: "sourceRecovers" }).effects;
    };
    expect(wants(true)).toEqual([{ effect: "openRecovery" }]);
    expect(wants(false)).toEqual([]);
  });

  it.each([true, false])(
    "ends what an operator took back meanwhile, whether it is there (%s) or not",
    (alive) => {
      const restarted = restartDestination("resuming", NEXT, { alive, postcopy: false });
      expect(restarted.effects).toEqual([{ effect: "confirm" }]);
      const { state, effects } = stepDestination(restarted.state, { fact: "recordSource" });
      expect(state.phase).toBe("discarding");
      expect(effects).toEqual([{ effect: "discard" }]);
    },
  );

  it("says of a post-copy whose QEMU went with it that the guest is lost, and says so again when it is asked later", () => {
    const restarted = restartDestination("resuming", NEXT, { alive: false, postcopy: true });
    const { state, effects } = stepDestination(restarted.state, {
      fact: "recordDestination",
      generation: NEXT,
    });
    expect(effects.map((e) => e.effect)).toEqual(["tellLostGuest", "journal", "adopt", "finish"]);
    expect(effects).toContainEqual({ effect: "journal", entry: "lost" });
    expect(standingOf(state)).toBe("lost");
    const again = restartDestination("lost", NEXT, { alive: false, postcopy: true });
    expect(standingOf(again.state)).toBe("lost");
    expect(again.effects).toEqual([{ effect: "adopt", generation: NEXT }, { effect: "finish" }]);
  });

  it("asks the record before it gives up what it may have loaded", () => {
    expect(restartDestination("begun", NEXT, { alive: true, postcopy: false })).toEqual({
      state: { phase: "prepared", withdrawing: true },
      effects: [{ effect: "withdraw" }],
    });
  });
});

const PREPARED: DestinationState = { phase: "prepared", withdrawing: false };
const DECIDED: DestinationFact = { fact: "sourceDecided", generation: generation(2n) };
const JOURNALLED: DestinationFact = { fact: "journalled", entry: "resuming" };

function after(...facts: readonly DestinationFact[]) {
  const begun = { state: PREPARED, effects: [] as readonly { readonly effect: string }[] };
  return facts.reduce((step, fact) => stepDestination(step.state, fact), begun);
}

const effects = (...facts: readonly DestinationFact[]) => after(...facts).effects.map((e) => e.effect);

describe("a destination that cannot write down the decision", () => {
  it("gives the guest back, which it has never run, and does not leave it standing still on the source", () => {
    const full = {
      fact: "commandFailed",
      effect: "journal",
      reason: "HOST_SETUP",
      message: "disk full",
    } as const;
    expect(after(DECIDED, full).state.phase).toBe("discarding");
    expect(effects(DECIDED, full)).toEqual(["discard"]);
    expect(after(DECIDED, JOURNALLED, full).state.phase).toBe("resuming");
  });
});

describe("a destination whose QEMU ends after the decision", () => {
  const DIED: DestinationFact = { fact: "incomingFailed", message: "killed" };
  const ALL: DestinationState = { phase: "loaded", withdrawing: false };
  const died = (began: DestinationState, ...facts: readonly DestinationFact[]) =>
    facts.reduce((s, fact) => stepDestination(s.state, fact), {
      state: began,
      effects: [],
    } as DestinationStep);
  const names = ({ effects: all }: DestinationStep) => all.map((e) => e.effect);

  it("promises never to have run it when it had not been told to run", () => {
    expect(died(ALL, DECIDED, JOURNALLED, DIED).state.phase).toBe("discarding");
  });

  it("keeps a guest as crashed here, and promises nothing, when it may have run before it was known to run", () => {
    const { state, effects: done } = died(ALL, DECIDED, JOURNALLED, { ...DIED, mayHaveRun: true });
    expect(state.phase).toBe("running");
    expect(done.map((e) => e.effect)).toEqual(["tellResumed", "journal", "adopt", "finish"]);
  });

  it("says of a post-copy that the guest is lost, when it may have run on half its memory", () => {
    const facts = [DECIDED, JOURNALLED, { fact: "loadedPartly" } as const];
    const step = died(PREPARED, ...facts, { ...DIED, mayHaveRun: true });
    expect(names(step)).toEqual(["tellLostGuest", "journal", "adopt", "finish"]);
    expect(died(PREPARED, ...facts, DIED).state.phase).toBe("discarding");
  });
});

describe("a destination whose source has ended before any device state came", () => {
  const GONE: DestinationFact = { fact: "sourceGone", message: "no power" };

  it("gives up what can never run, though its own QEMU waits on", () => {
    expect(after(DECIDED, JOURNALLED, GONE).state).toMatchObject({
      ...{ phase: "discarding", why: { failure: "MIGRATION_FAILED" } },
    });
  });

  it.each([
    ["before it knows that nobody took the guest back", [GONE, "confirmed"]],
    ["after that", ["confirmed", GONE]],
  ] as const)("asks its QEMU what came before the restart, told so %s", (_, facts) => {
    const record: DestinationFact = { fact: "recordDestination", generation: NEXT };
    const { state, effects: last } = facts.reduce<DestinationStep>(
      (s, fact) => stepDestination(s.state, fact === "confirmed" ? record : fact),
      restartDestination("resuming", NEXT, { alive: true, postcopy: true }),
    );
    expect(last).toEqual([{ effect: "abandon" }]);
    expect(stepDestination(state, { fact: "incomingFailed", message: "ended" }).state).toEqual({
      ...{ phase: "running", lost: true },
    });
  });
});

describe("a destination of a post-copy", () => {
  it("accepts a decision before device state has come, when that is durable and not before", () => {
    expect(standingOf(after(DECIDED).state)).toBe("prepared");
    expect(effects(DECIDED)).toEqual(["journal"]);
    expect(effects(DECIDED, JOURNALLED)).toEqual(["tellAccepted"]);
    expect(standingOf(after(DECIDED, JOURNALLED).state)).toBe("resuming");
  });

  it("runs the guest when device state is there, and is through when the last page is", () => {
    const run: readonly DestinationFact[] = [DECIDED, JOURNALLED, { fact: "loadedPartly" }];
    expect(effects(...run)).toEqual(["resume"]);
    const running: readonly DestinationFact[] = [...run, { fact: "running", downtimeMs: 3 }];
    expect(effects(...running)).toEqual(["tellPulling", "journal", "adopt"]);
    expect(effects(...running, { fact: "complete" })).toEqual(["tellResumed", "journal", "finish"]);
  });

  const PULLING: readonly DestinationFact[] = [
    ...[DECIDED, JOURNALLED, { fact: "loadedPartly" } as const],
    { fact: "running", downtimeMs: 3 },
  ];
  const BROKEN: DestinationFact = { fact: "postcopyPaused", message: "reset" };

  it("keeps a guest whose connection broke, and opens a door for the rest of it", () => {
    expect(effects(...PULLING, BROKEN)).toEqual(["openRecovery"]);
    expect(effects(...PULLING, { fact: "sourceLost", message: "" })).toEqual([]);
    expect(effects(...PULLING, { fact: "sourceAborted", reason: "" })).toEqual([]);
    expect(effects(...PULLING, { fact: "promiseDemanded" })).toEqual([]);
  });

  it("ends it only when the source's process is gone and the connection has ended, in whichever order it hears so", () => {
    const gone: DestinationFact = { fact: "sourceGone", message: "killed" };
    expect(effects(...PULLING, gone)).toEqual([]);
    expect(effects(...PULLING, gone, BROKEN)).toEqual(["abandon"]);
    expect(effects(...PULLING, BROKEN, gone)).toEqual(["abandon"]);
    expect(effects(...PULLING, gone, { fact: "complete" })).toEqual(["tellResumed", "journal", "finish"]);
  });
});
