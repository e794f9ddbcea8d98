import type { Endpoints } from "./endpoints.ts";
import type { Generation } from "../ids.ts";
import type { DestinationFact, Standing } from "./facts.ts";

/**
 * The destination's half of a migration: `(state, fact) -> (state, effects)`, no I/O.
 *
 * ```
 * preparing -> prepared -> loaded -> resuming -> running
 *     |           |          |          |
 *     +-----------+----------+----------+--> discarding -> promising -> discarded
 *                 |                     |
 *                 +--> (post-copy) -----+--> pulling -> running
 * ```
 *
 * Invariants. `resume` is issued only in `resuming`, which is entered only by the recorded decision, and only
 * after that was journalled here. A promise is given only after the incoming process is gone, never when that may have
 * run the guest, and is durable before it is said. Before memory was complete the source cannot have decided, so a lost source means that
 * everything is discarded; after that the record is asked, and a destination that withdraws does it by
 * compare-and-set on that record.
 *
 * With post-copy the decision comes before the device state: from `prepared` to `resuming`, which accepts it
 * durably and runs the guest when the device state is there. Then it is `pulling`, and nothing but the end of one of
 * the two processes ends that.
 */
export type DestinationState =
  | { readonly phase: "preparing" }
  /** Withdrawing, after a restart: what has come meanwhile is not known yet. */
  | { readonly phase: "prepared"; readonly withdrawing: boolean }
  /** Withdrawing: the source was lost and the record is being asked. */
  | { readonly phase: "loaded"; readonly withdrawing: boolean }
  | {
      readonly phase: "resuming";
      readonly generation: Generation;
      readonly journalled: boolean;
      readonly has: Has;
      readonly stranded: boolean;
      /** The source's process has ended. */
      readonly gone: boolean;
      /** Started again, it asks first whether an operator took the guest back; `alive`: its process is there. */
      readonly confirming?: { readonly alive: boolean };
      /** Started again after the guest was to run: it may have, whatever is seen of it now. */
      readonly mayHaveRun?: true;
    }
  /** The guest runs here without all of its memory. Stranded: the connection to the rest broke. */
  | { readonly phase: "pulling"; readonly stranded: boolean; readonly gone: boolean }
  | { readonly phase: "running" }
  | { readonly phase: "discarding"; readonly why: Why }
  | { readonly phase: "promising"; readonly why: Why; readonly leftovers: readonly string[] }
  | { readonly phase: "discarded"; readonly why: Why };

/** What has come: nothing that runs yet, device state (post-copy), everything. */
export type Has = "nothing" | "part" | "all";

export type DestinationPhase = DestinationState["phase"];

export interface Why {
  /** A reason of the error list, or empty when the source asked for it. */
  readonly failure: string;
  readonly message: string;
}

export type DestinationEntry = "begun" | "resuming" | "pulling" | "resumed" | "promised";

export type DestinationEffect =
  | { readonly effect: "prepare" }
  | { readonly effect: "closeExports" }
  | { readonly effect: "journal"; readonly entry: DestinationEntry; readonly generation?: Generation }
  /** Has an operator taken the guest back? -> recordDestination | recordSource | recordUnknown */
  | { readonly effect: "confirm" }
  /** -> running | resumeFailed */
  | { readonly effect: "resume" }
  /** The run token is ours. */
  | { readonly effect: "adopt"; readonly generation: Generation }
  /** End the incoming process, remove what was made. -> discarded */
  | { readonly effect: "discard" }
  /** Close the record for the source by compare-and-set, as soon as that can be done. -> recordSource | recordDestination | recordUnknown */
  | { readonly effect: "withdraw" }
  | { readonly effect: "tellPrepared"; readonly endpoints: Endpoints }
  | { readonly effect: "tellLoaded" }
  | { readonly effect: "tellAccepted" }
  | { readonly effect: "tellPulling"; readonly downtimeMs: number }
  /** Open a door for the rest of the memory. -> recoverable */
  | { readonly effect: "openRecovery" }
  | { readonly effect: "tellRecoverable"; readonly address: string }
  /** End a guest whose memory will never be whole. -> incomingFailed */
  | { readonly effect: "abandon" }
  | { readonly effect: "tellLostGuest"; readonly message: string }
  | { readonly effect: "tellResumed"; readonly downtimeMs: number }
  | { readonly effect: "tellFailed"; readonly reason: string; readonly message: string }
  | { readonly effect: "tellDiscarded"; readonly leftovers: readonly string[] }
  | { readonly effect: "finish" };

export interface DestinationStep {
  readonly state: DestinationState;
  readonly effects: readonly DestinationEffect[];
}

export function beginDestination(): DestinationStep {
  return { state: { phase: "preparing" }, effects: [{ effect: "journal", entry: "begun" }] };
}

/** Where a restarted agent goes on. `alive`: the incoming process is still there. */
export function restartDestination(
  entry: DestinationEntry,
  nextGeneration: Generation,
  alive: boolean,
): DestinationStep {
  switch (entry) {
    case "begun":
      // It may have been complete, and the source may have decided meanwhile: only the record tells.
      return alive
        ? { state: { phase: "prepared", withdrawing: true }, effects: [{ effect: "withdraw" }] }
        : discard({
            failure: "MIGRATION_FAILED",
            message: "the destination agent was restarted and the incoming guest was gone",
          });
    case "resuming":
      return {
        state: {
          phase: "resuming",
          generation: nextGeneration,
          journalled: true,
          ...{ has: "nothing", stranded: false, gone: false },
          confirming: { alive },
        },
        effects: [{ effect: "confirm" }],
      };
    case "pulling":
      return alive
        ? {
            state: { phase: "pulling", stranded: false, gone: false },
            effects: [{ effect: "adopt", generation: nextGeneration }],
          }
        : lostGuest("its QEMU ended before it had all its memory", nextGeneration);
    case "resumed":
      // Whether the token was taken is not journalled: taking it twice does no harm.
      return {
        state: { phase: "running" },
        effects: [{ effect: "adopt", generation: nextGeneration }, { effect: "finish" }],
      };
    case "promised":
      return discard({ failure: "", message: "promised before the restart" });
  }
}

/** What to answer to a source that asks. */
export function standingOf(state: DestinationState): Standing {
  switch (state.phase) {
    case "preparing":
    case "prepared":
    case "loaded":
    case "pulling":
      return state.phase;
    // Not accepted before it is durable.
    case "resuming":
      if (!state.journalled) return state.has === "nothing" ? "prepared" : "loaded";
      return state.phase;
    case "running":
      return "resumed";
    // Not promised before it is durable.
    case "discarding":
    case "promising":
      return "prepared";
    case "discarded":
      return "promised";
  }
}

export function stepDestination(state: DestinationState, fact: DestinationFact): DestinationStep {
  switch (state.phase) {
    case "preparing":
      return preparing(state, fact);
    case "prepared":
      return prepared(state, fact);
    case "loaded":
      return loaded(state, fact);
    case "resuming":
      return resuming(state, fact);
    case "pulling":
      return pulling(state, fact);
    case "discarding":
      return fact.fact === "discarded" ? promise(state.why, fact.leftovers) : stay(state);
    case "promising":
      return fact.fact === "journalled" && fact.entry === "promised" ? tell(state) : stay(state);
    case "running":
    case "discarded":
      return stay(state);
  }
}

type In<P extends DestinationPhase> = Extract<DestinationState, { readonly phase: P }>;

function stay(state: DestinationState): DestinationStep {
  return { state, effects: [] };
}

function discard(why: Why): DestinationStep {
  return { state: { phase: "discarding", why }, effects: [{ effect: "discard" }] };
}

function promise(why: Why, leftovers: readonly string[]): DestinationStep {
  return {
    state: { phase: "promising", why, leftovers },
    effects: [{ effect: "journal", entry: "promised" }],
  };
}

function tell(state: In<"promising">): DestinationStep {
  const { why, leftovers } = state;
  return {
    state: { phase: "discarded", why },
    effects: [
      why.failure === ""
        ? { effect: "tellDiscarded", leftovers }
        : { effect: "tellFailed", reason: why.failure, message: why.message },
      { effect: "finish" },
    ],
  };
}

/** Facts that mean the same until the decision is known; undefined for the others. */
function setback(fact: DestinationFact): DestinationStep | undefined {
  switch (fact.fact) {
    case "incomingFailed":
      return discard({ failure: "MIGRATION_FAILED", message: fact.message });
    case "commandFailed":
      return discard({ failure: fact.reason, message: fact.message });
    case "sourceAborted":
      return discard({ failure: "", message: fact.reason });
    case "promiseDemanded":
      return discard({ failure: "", message: "the source demanded a promise" });
    case "prepared":
    case "prepareFailed":
    case "loaded":
    case "running":
    case "resumeFailed":
    case "discarded":
    case "sourceMirrorsConcluded":
    case "sourceDecided":
    case "sourceLost":
    case "sourceRetired":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
    case "journalled":
    case "loadedPartly":
    case "complete":
    case "postcopyActive":
    case "postcopyPaused":
    case "recoverable":
    case "sourceRecovers":
    case "sourceGone":
      return undefined;
  }
}

function lost(message: string): DestinationStep {
  return discard({ failure: "PEER_LOST", message: `the source agent was lost: ${message}` });
}

function preparing(state: In<"preparing">, fact: DestinationFact): DestinationStep {
  if (fact.fact === "journalled")
    return { state, effects: fact.entry === "begun" ? [{ effect: "prepare" }] : [] };
  if (fact.fact === "prepared") {
    return {
      state: { phase: "prepared", withdrawing: false },
      effects: [{ effect: "tellPrepared", endpoints: fact.endpoints }],
    };
  }
  // Everything made is gone already; the promise is what is left to do.
  if (fact.fact === "prepareFailed") return promise({ failure: fact.reason, message: fact.message }, []);
  if (fact.fact === "sourceLost") return lost(fact.message);
  return setback(fact) ?? stay(state);
}

function prepared(state: In<"prepared">, fact: DestinationFact): DestinationStep {
  if (fact.fact === "loaded") {
    return {
      state: { phase: "loaded", withdrawing: state.withdrawing },
      effects: [{ effect: "tellLoaded" }],
    };
  }
  if (fact.fact === "sourceMirrorsConcluded") return { state, effects: [{ effect: "closeExports" }] };
  // Post-copy: device state waits until this side has accepted.
  if (fact.fact === "sourceDecided" || fact.fact === "recordDestination")
    return decided(fact.generation, "nothing");
  if (state.withdrawing) return withdrawn(state, fact);
  if (fact.fact === "sourceLost") return lost(fact.message);
  return setback(fact) ?? stay(state);
}

function decided(generation: Generation, has: Has): DestinationStep {
  return {
    state: { phase: "resuming", generation, journalled: false, has, stranded: false, gone: false },
    effects: [{ effect: "journal", entry: "resuming", generation }],
  };
}

function loaded(state: In<"loaded">, fact: DestinationFact): DestinationStep {
  if (fact.fact === "sourceMirrorsConcluded") return { state, effects: [{ effect: "closeExports" }] };
  if (fact.fact === "sourceDecided" || fact.fact === "recordDestination")
    return decided(fact.generation, "all");
  if (fact.fact === "sourceLost" && !state.withdrawing)
    return { state: { ...state, withdrawing: true }, effects: [{ effect: "withdraw" }] };
  return withdrawn(state, fact);
}

function withdrawn(state: In<"prepared" | "loaded">, fact: DestinationFact): DestinationStep {
  if (fact.fact === "recordSource") {
    return discard({ failure: "PEER_LOST", message: "the source agent was lost before the decision" });
  }
  if (fact.fact === "recordUnknown") {
    return state.withdrawing ? { state, effects: [{ effect: "withdraw" }] } : stay(state);
  }
  return setback(fact) ?? stay(state);
}

/** Started again: what the hypervisor shows is kept, and nothing is done, until nobody is known to have taken the guest back. */
function confirming(state: In<"resuming">, alive: boolean, fact: DestinationFact): DestinationStep {
  switch (fact.fact) {
    case "recordDestination": {
      if (!alive) return crashedHere(state.generation);
      const { confirming: _, ...confirmed } = state;
      return {
        state: { ...confirmed, mayHaveRun: true },
        effects: state.has === "nothing" ? [] : [{ effect: "resume" }],
      };
    }
    case "recordSource":
      return discard({
        failure: "MIGRATION_FAILED",
        message: "an operator took the guest back while this host was off",
      });
    case "recordUnknown":
      return { state, effects: [{ effect: "confirm" }] };
    case "loaded":
    case "complete":
      return { state: { ...state, has: "all" }, effects: [] };
    case "loadedPartly":
      return { state: { ...state, has: "part" }, effects: [] };
    case "sourceGone":
      return { state: { ...state, gone: true }, effects: [] };
    case "postcopyPaused":
      return { state: { ...state, stranded: true }, effects: [] };
    case "postcopyActive":
      return { state: { ...state, stranded: false }, effects: [] };
    case "incomingFailed":
      return { state: { ...state, confirming: { alive: false } }, effects: [] };
    case "prepared":
    case "prepareFailed":
    case "running":
    case "resumeFailed":
    case "discarded":
    case "recoverable":
    case "sourceMirrorsConcluded":
    case "sourceDecided":
    case "sourceAborted":
    case "sourceLost":
    case "sourceRetired":
    case "sourceRecovers":
    case "promiseDemanded":
    case "journalled":
    case "commandFailed":
      return stay(state);
  }
}

function resuming(state: In<"resuming">, fact: DestinationFact): DestinationStep {
  if (state.confirming !== undefined) return confirming(state, state.confirming.alive, fact);
  switch (fact.fact) {
    case "journalled":
      if (fact.entry !== "resuming" || state.journalled) return stay(state);
      return state.has === "nothing"
        ? { state: { ...state, journalled: true }, effects: [{ effect: "tellAccepted" }] }
        : { state: { ...state, journalled: true }, effects: [{ effect: "resume" }] };
    case "loaded":
      return came(state, "all");
    case "loadedPartly":
      return came(state, "part");
    case "complete":
      return { state: { ...state, has: "all" }, effects: [] };
    case "sourceGone":
      return { state: { ...state, gone: true }, effects: [] };
    case "postcopyPaused":
      return { state: { ...state, stranded: true }, effects: [] };
    case "postcopyActive":
      return { state: { ...state, stranded: false }, effects: [] };
    case "running":
      return state.has === "all"
        ? {
            state: { phase: "running" },
            effects: [
              { effect: "tellResumed", downtimeMs: fact.downtimeMs },
              { effect: "journal", entry: "resumed" },
              { effect: "adopt", generation: state.generation },
              { effect: "finish" },
            ],
          }
        : {
            state: { phase: "pulling", stranded: state.stranded, gone: state.gone },
            effects: [
              { effect: "tellPulling", downtimeMs: fact.downtimeMs },
              { effect: "journal", entry: "pulling" },
              { effect: "adopt", generation: state.generation },
              ...(state.stranded ? [stuck(state.gone)] : []),
            ],
          };
    case "resumeFailed":
      return endedHere(state, { failure: "MIGRATION_FAILED", message: fact.message });
    case "incomingFailed":
      return endedHere(fact.mayHaveRun === true ? { ...state, mayHaveRun: true } : state, {
        failure: "MIGRATION_FAILED",
        message: fact.message,
      });
    case "sourceMirrorsConcluded":
      return { state, effects: [{ effect: "closeExports" }] };
    case "sourceDecided":
      return state.journalled && state.has === "nothing"
        ? { state, effects: [{ effect: "tellAccepted" }] }
        : stay(state);
    case "prepared":
    case "prepareFailed":
    case "discarded":
    case "recoverable":
    case "sourceAborted":
    case "sourceLost":
    case "sourceRetired":
    case "sourceRecovers":
    case "promiseDemanded":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
      return stay(state);
    case "commandFailed":
      return fact.effect === "resume"
        ? endedHere(state, { failure: fact.reason, message: fact.message })
        : stay(state);
  }
}

/** It will not go on here. Only one that has never run may run where it came from: that is what is promised. */
function endedHere(state: In<"resuming">, why: Why): DestinationStep {
  if (state.mayHaveRun !== true) return discard(why);
  return state.has === "part" ? lostGuest(why.message, state.generation) : crashedHere(state.generation);
}

/** Gone after it may have run: it crashed here, and must not run where it came from. */
function crashedHere(generation: Generation): DestinationStep {
  return {
    state: { phase: "running" },
    effects: [
      { effect: "tellResumed", downtimeMs: 0 },
      { effect: "journal", entry: "resumed" },
      { effect: "adopt", generation },
      { effect: "finish" },
    ],
  };
}

function came(state: In<"resuming">, has: Has): DestinationStep {
  const first = state.has === "nothing" && state.journalled;
  return { state: { ...state, has }, effects: first ? [{ effect: "resume" }] : [] };
}

/** The connection has ended: with the source's process the rest of the memory is gone, else it can be had by another. */
function stuck(gone: boolean): DestinationEffect {
  return gone ? { effect: "abandon" } : { effect: "openRecovery" };
}

function pulling(state: In<"pulling">, fact: DestinationFact): DestinationStep {
  switch (fact.fact) {
    case "complete":
    // After a restart it is only known that everything is there.
    case "loaded":
      return {
        state: { phase: "running" },
        effects: [
          { effect: "tellResumed", downtimeMs: 0 },
          { effect: "journal", entry: "resumed" },
          { effect: "finish" },
        ],
      };
    case "postcopyPaused":
      return { state: { ...state, stranded: true }, effects: [stuck(state.gone)] };
    case "postcopyActive":
      return { state: { ...state, stranded: false }, effects: [] };
    case "sourceRecovers":
      return { state, effects: [{ effect: "openRecovery" }] };
    case "recoverable":
      return { state, effects: [{ effect: "tellRecoverable", address: fact.address }] };
    case "sourceGone":
      // As long as the connection has not ended, the last page may be in it.
      return { state: { ...state, gone: true }, effects: state.stranded ? [{ effect: "abandon" }] : [] };
    case "incomingFailed":
      return lostGuest(fact.message);
    case "journalled":
    case "loadedPartly":
    case "running":
    case "resumeFailed":
    case "prepared":
    case "prepareFailed":
    case "discarded":
    case "sourceMirrorsConcluded":
    case "sourceDecided":
    case "sourceAborted":
    case "sourceLost":
    case "sourceRetired":
    case "promiseDemanded":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
    case "commandFailed":
      return stay(state);
  }
}

/** It crashed here: it ran here, and what it wrote is here. */
function lostGuest(message: string, generation?: Generation): DestinationStep {
  return {
    state: { phase: "running" },
    effects: [
      { effect: "tellLostGuest", message },
      { effect: "journal", entry: "resumed" },
      ...(generation === undefined ? [] : [{ effect: "adopt", generation } as const]),
      { effect: "finish" },
    ],
  };
}
