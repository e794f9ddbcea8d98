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
 * ```
 *
 * Invariants. `resume` is issued only in `resuming`, which is entered only by the recorded decision, and only
 * after that was journalled here. A promise is given only after the incoming process is gone and is durable
 * before it is said. Before memory was complete the source cannot have decided, so a lost source means that
 * everything is discarded; after that the record is asked, and a destination that withdraws does it by
 * compare-and-set on that record.
 */
export type DestinationState =
  | { readonly phase: "preparing" }
  | { readonly phase: "prepared" }
  /** Withdrawing: the source was lost and the record is being asked. */
  | { readonly phase: "loaded"; readonly withdrawing: boolean }
  | { readonly phase: "resuming"; readonly generation: Generation; readonly journalled: boolean }
  | { readonly phase: "running" }
  | { readonly phase: "discarding"; readonly why: Why }
  | { readonly phase: "promising"; readonly why: Why; readonly leftovers: readonly string[] }
  | { readonly phase: "discarded"; readonly why: Why };

export type DestinationPhase = DestinationState["phase"];

export interface Why {
  /** A reason of the error list, or empty when the source asked for it. */
  readonly failure: string;
  readonly message: string;
}

export type DestinationEntry = "begun" | "resuming" | "resumed" | "promised";

export type DestinationEffect =
  | { readonly effect: "prepare" }
  | { readonly effect: "closeExports" }
  | { readonly effect: "journal"; readonly entry: DestinationEntry; readonly generation?: Generation }
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
        ? { state: { phase: "loaded", withdrawing: true }, effects: [{ effect: "withdraw" }] }
        : discard({
            failure: "MIGRATION_FAILED",
            message: "the destination agent was restarted and the incoming guest was gone",
          });
    case "resuming":
      // Gone after the decision: it may have run, so it crashed here and must not run where it came from.
      return alive
        ? {
            state: { phase: "resuming", generation: nextGeneration, journalled: true },
            effects: [{ effect: "resume" }],
          }
        : {
            state: { phase: "running" },
            effects: [
              { effect: "journal", entry: "resumed" },
              { effect: "adopt", generation: nextGeneration },
              { effect: "finish" },
            ],
          };
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
    case "resuming":
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
    return { state: { phase: "prepared" }, effects: [{ effect: "tellPrepared", endpoints: fact.endpoints }] };
  }
  // Everything made is gone already; the promise is what is left to do.
  if (fact.fact === "prepareFailed") return promise({ failure: fact.reason, message: fact.message }, []);
  if (fact.fact === "sourceLost") return lost(fact.message);
  return setback(fact) ?? stay(state);
}

function prepared(state: In<"prepared">, fact: DestinationFact): DestinationStep {
  if (fact.fact === "loaded") {
    return { state: { phase: "loaded", withdrawing: false }, effects: [{ effect: "tellLoaded" }] };
  }
  if (fact.fact === "sourceMirrorsConcluded") return { state, effects: [{ effect: "closeExports" }] };
  if (fact.fact === "sourceLost") return lost(fact.message);
  return setback(fact) ?? stay(state);
}

function decided(generation: Generation): DestinationStep {
  return {
    state: { phase: "resuming", generation, journalled: false },
    effects: [{ effect: "journal", entry: "resuming", generation }],
  };
}

function loaded(state: In<"loaded">, fact: DestinationFact): DestinationStep {
  if (fact.fact === "sourceMirrorsConcluded") return { state, effects: [{ effect: "closeExports" }] };
  if (fact.fact === "sourceDecided" || fact.fact === "recordDestination") return decided(fact.generation);
  if (fact.fact === "sourceLost") {
    return state.withdrawing
      ? stay(state)
      : { state: { ...state, withdrawing: true }, effects: [{ effect: "withdraw" }] };
  }
  if (fact.fact === "recordSource") {
    return discard({ failure: "PEER_LOST", message: "the source agent was lost before the decision" });
  }
  if (fact.fact === "recordUnknown") {
    return state.withdrawing ? { state, effects: [{ effect: "withdraw" }] } : stay(state);
  }
  return setback(fact) ?? stay(state);
}

function resuming(state: In<"resuming">, fact: DestinationFact): DestinationStep {
  switch (fact.fact) {
    case "journalled":
      return fact.entry === "resuming" && !state.journalled
        ? { state: { ...state, journalled: true }, effects: [{ effect: "resume" }] }
        : stay(state);
    case "running":
      return {
        state: { phase: "running" },
        effects: [
          { effect: "tellResumed", downtimeMs: fact.downtimeMs },
          { effect: "journal", entry: "resumed" },
          { effect: "adopt", generation: state.generation },
          { effect: "finish" },
        ],
      };
    case "resumeFailed":
      return discard({ failure: "MIGRATION_FAILED", message: fact.message });
    case "incomingFailed":
      return discard({ failure: "MIGRATION_FAILED", message: fact.message });
    case "prepared":
    case "prepareFailed":
    case "loaded":
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
      return stay(state);
    case "commandFailed":
      return fact.effect === "resume"
        ? discard({ failure: fact.reason, message: fact.message })
        : stay(state);
  }
}
