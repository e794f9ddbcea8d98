import type { DestinationFact } from "./facts.ts";
import { crashedHere, discard, lostGuest, stay } from "./destination-moves.ts";
import type {
  DestinationEffect,
  DestinationPhase,
  DestinationState,
  DestinationStep,
  Has,
  Why,
} from "./destination-state.ts";

type In<P extends DestinationPhase> = Extract<DestinationState, { readonly phase: P }>;

export function resuming(state: In<"resuming">, fact: DestinationFact): DestinationStep {
  if (state.confirming !== undefined) return confirming(state, state.confirming, fact);
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
      return sourceGone(state, fact.message);
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
      return endedHere(fact.mayHaveRun === true ? { mayHaveRun: "whole", ...state } : state, {
        failure: "MIGRATION_FAILED",
        message: fact.message,
      });
    case "sourceMirrorsConcluded":
      return { state, effects: [{ effect: "closeExports" }] };
    case "sourceDecided":
      return state.journalled && state.has === "nothing"
        ? { state, effects: [{ effect: "tellAccepted" }] }
        : stay(state);
    // Started again, its hypervisor may hang on memory that it lacks, and say nothing before it gets that.
    case "sourceRecovers":
      return state.mayHaveRun === "partly" ? { state, effects: [{ effect: "openRecovery" }] } : stay(state);
    case "recoverable":
      return { state, effects: [{ effect: "tellRecoverable", address: fact.address }] };
    case "prepared":
    case "prepareFailed":
    case "discarded":
    case "sourceAborted":
    case "sourceLost":
    case "sourceRetired":
    case "promiseDemanded":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
      return stay(state);
    case "commandFailed":
      // Not accepted, for want of room on the disk perhaps: it has not run, and what was made for it takes room too.
      if (fact.effect === "journal" && !state.journalled)
        return discard({ failure: fact.reason, message: fact.message });
      return fact.effect === "resume"
        ? endedHere(state, { failure: fact.reason, message: fact.message })
        : stay(state);
  }
}

/** Nothing more comes. A guest of which there is nothing has never run, unless it is only not known what there is. */
function sourceGone(state: In<"resuming">, message: string): DestinationStep {
  if (state.has !== "nothing") return { state: { ...state, gone: true }, effects: [] };
  return state.mayHaveRun === undefined
    ? discard({ failure: "MIGRATION_FAILED", message: `the source has ended: ${message}` })
    : { state: { ...state, gone: true }, effects: [{ effect: "abandon" }] };
}

/** Started again: what the hypervisor shows is kept, and nothing is done, until nobody is known to have taken the guest back. */
function confirming(
  state: In<"resuming">,
  { alive, postcopy }: NonNullable<In<"resuming">["confirming"]>,
  fact: DestinationFact,
): DestinationStep {
  switch (fact.fact) {
    case "recordDestination": {
      if (!alive && postcopy && state.has !== "all")
        return lostGuest("it ended there before it was known to have all its memory", state.generation);
      if (!alive) return crashedHere(state.generation);
      const { confirming: _, ...confirmed } = state;
      const unheard: readonly DestinationEffect[] = state.gone ? [{ effect: "abandon" }] : [];
      return {
        state: { ...confirmed, mayHaveRun: postcopy ? "partly" : "whole" },
        effects: state.has === "nothing" ? unheard : [{ effect: "resume" }],
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
      return { state: { ...state, confirming: { alive: false, postcopy } }, effects: [] };
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

/** It will not go on here. Only one that has never run may run where it came from: that is what is promised. */
function endedHere(state: In<"resuming">, why: Why): DestinationStep {
  if (state.mayHaveRun === undefined) return discard(why);
  // After a restart its hypervisor may not have said yet what had come: then it is not known to have been whole.
  const isWhole = state.has === "all" || (state.has === "nothing" && state.mayHaveRun === "whole");
  return isWhole ? crashedHere(state.generation) : lostGuest(why.message, state.generation);
}

function came(state: In<"resuming">, has: Has): DestinationStep {
  const first = state.has === "nothing" && state.journalled;
  return { state: { ...state, has }, effects: first ? [{ effect: "resume" }] : [] };
}

export function pulling(state: In<"pulling">, fact: DestinationFact): DestinationStep {
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

/** The connection has ended: with the source's process the rest of the memory is gone, else it can be had by another. */
function stuck(gone: boolean): DestinationEffect {
  return gone ? { effect: "abandon" } : { effect: "openRecovery" };
}
