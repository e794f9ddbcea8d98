import type { Generation } from "../ids.ts";
import { pulling, resuming } from "./destination-decided.ts";
import { discard, lostGuest, stay } from "./destination-moves.ts";
import type {
  DestinationEntry,
  DestinationPhase,
  DestinationState,
  DestinationStep,
  Has,
  Why,
} from "./destination-state.ts";
import type { Answer, DestinationFact } from "./facts.ts";

export function beginDestination(): DestinationStep {
  return { state: { phase: "preparing" }, effects: [{ effect: "journal", entry: "begun" }] };
}

/** Where a restarted agent goes on. `alive`: the incoming process is still there. */
export function restartDestination(
  entry: DestinationEntry,
  nextGeneration: Generation,
  { alive, postcopy }: { readonly alive: boolean; readonly postcopy: boolean },
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
          confirming: { alive, postcopy },
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
    case "lost":
      return {
        state: { phase: "running", lost: true },
        effects: [{ effect: "adopt", generation: nextGeneration }, { effect: "finish" }],
      };
    case "promised":
      return discard({ failure: "", message: "promised before the restart" });
  }
}

/** What to answer to a source that asks. */
export function standingOf(state: DestinationState): Answer {
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
      return state.lost === true ? "lost" : "resumed";
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
