import type { Reason } from "../errors.ts";
import type { Order, SourceFact } from "./facts.ts";
import type { Cause, Common, MemoryLink, SourceState, SourceStep } from "./source-state.ts";

export function stay(state: SourceState): SourceStep {
  return { state, effects: [] };
}

export function common(state: Common): Common {
  return {
    mode: state.mode,
    disks: state.disks,
    abortOnIoError: state.abortOnIoError,
    ...(state.postcopy === undefined ? {} : { postcopy: state.postcopy }),
  };
}

export function mirrorFailure(fact: Extract<SourceFact, { fact: "mirrorFailed" }>): Cause {
  const cause = failure("MIGRATION_FAILED", `the copy of disk ${fact.disk} failed: ${fact.message}`);
  return fact.preliminary === true ? { ...cause, openDisk: fact.disk } : cause;
}

export function failure(reason: Reason, message: string): Cause {
  return { reason, message, cancelled: false };
}

export function send(state: Common): SourceStep {
  return {
    state: { phase: "sending", wanted: "precopy", ...common(state) },
    effects: [{ effect: "sendMemory" }],
  };
}

/** The journal is written while device state travels: "deciding" only says that a decision may follow. */
export function load(state: Common): SourceStep {
  return {
    state: { phase: "loading", journalled: false, loaded: false, ...common(state) },
    effects: [
      ...(state.mode === "offline" ? [] : [{ effect: "continueSwitchover" } as const]),
      { effect: "tellMirrorsConcluded" },
      { effect: "journal", entry: "deciding" },
    ],
  };
}

/** Nothing has left the source but disks and copies of memory: everything else waits for the decision. */
export function commit(state: Common): SourceStep {
  return {
    state: { phase: "committing", ...common(state) },
    effects: [{ effect: "tellMirrorsConcluded" }, { effect: "journal", entry: "committing" }],
  };
}

export function decided(
  state: Common,
  order: Order,
  peerLost: boolean,
  memory: MemoryLink = "held",
): SourceStep {
  return {
    state: { phase: "resuming", order, memory, ...common(state) },
    effects: [
      peerLost ? { effect: "askPeer", demandPromise: false } : { effect: "tellDecided" },
      { effect: "journal", entry: order === "postcopy" ? "committed" : "decided" },
    ],
  };
}

export function doubt(state: Common, order: Order): SourceStep {
  return {
    state: { phase: "inDoubt", order, memory: "held", ...common(state) },
    effects: [{ effect: "readRecord" }, { effect: "askPeer", demandPromise: true }],
  };
}

export function promiseOrAsk(
  state: SourceState,
  fact: Extract<SourceFact, { fact: "peerFailed" }>,
): SourceStep {
  if (fact.promise) return promised(state, `the destination failed: ${fact.message}`, []);
  return { state, effects: [{ effect: "askPeer", demandPromise: true }] };
}

/** The destination will never resume: the source may, whatever the record says; the record is forced to follow. */
export function promised(state: Common, message: string, leftovers: readonly string[]): SourceStep {
  const step = abort(state, failure("MIGRATION_FAILED", message), { away: "gone", leftovers });
  return {
    state: step.state,
    effects: [{ effect: "fence" }, ...step.effects.filter((e) => e.effect !== "closeRecord")],
  };
}

/** The same when neither side has all of the guest any more: it has ended, and its definition and disks are here. */
export function forfeit(state: Common, why: string, leftovers: readonly string[] = []): SourceStep {
  const step = promised(state, why, leftovers);
  const cause = failure(
    "GUEST_LOST",
    `${why}, and neither host has all of the guest's memory; its disks here are as they were when it was stopped`,
  );
  return {
    state: step.state.phase === "aborting" ? { ...step.state, cause } : step.state,
    effects: step.effects.map((e) => {
      if (e.effect === "rollBack") return { effect: "end" };
      return e.effect === "journal" ? { effect: "journal", entry: "forfeited", note: cause.message } : e;
    }),
  };
}

/** Taken up again after a restart; its fence is put up beside it. */
export function forfeited(state: Common, message: string): SourceStep {
  const step = abort(state, failure("GUEST_LOST", message), { away: "gone" });
  return { state: step.state, effects: [{ effect: "end" }] };
}

/** By an operator, who has made sure that the destination is off; record and run token say so already. */
export function takenBack(state: Common, actor: string): SourceStep {
  const message = `${actor === "" ? "an operator" : actor} took the guest back while the destination was off`;
  return promised(state, message, [
    "what the destination still has of the guest; its agent ends it when it comes back",
  ]);
}

export function retire(state: Common): SourceStep {
  return {
    state: { phase: "retiring", attempts: 1, ...common(state) },
    effects: [{ effect: "retire" }, { effect: "surrender" }, { effect: "journal", entry: "resumed" }],
  };
}

/** The guest has ended on the way and is nowhere whole: what is left of it here ends too. */
export function lose(state: Common, message: string): SourceStep {
  const lost = failure("GUEST_LOST", message);
  return {
    state: { phase: "retiring", attempts: 1, lost, ...common(state) },
    effects: [
      { effect: "retire" },
      { effect: "surrender" },
      { effect: "journal", entry: "lost", note: message },
    ],
  };
}

interface AbortOptions {
  /** Do not wait for the network: break the connections. */
  readonly linkLost?: boolean;
  readonly guestLost?: boolean;
  readonly away?: "gone";
  readonly leftovers?: readonly string[];
}

export function abort(state: Common, cause: Cause, options: AbortOptions = {}): SourceStep {
  const linkLost = options.linkLost ?? false;
  const away = options.away ?? "waiting";
  return {
    state: {
      phase: "aborting",
      cause,
      home: options.guestLost === true ? "lost" : "waiting",
      away,
      leftovers: options.leftovers ?? [],
      attempts: 1,
      ...common(state),
    },
    effects: [
      ...(options.guestLost === true ? [] : [{ effect: "rollBack", linkLost } as const]),
      { effect: "tellAbort", reason: cause.message },
      { effect: "journal", entry: "aborting" },
      { effect: "closeRecord" },
      { effect: "startPatience" },
    ],
  };
}
