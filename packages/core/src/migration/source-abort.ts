import type { SourceFact } from "./facts.ts";
import { common, mirrorFailure, stay } from "./source-moves.ts";
import type { SourceEffect, SourceState, SourceStep } from "./source-state.ts";

type Aborting = Extract<SourceState, { readonly phase: "aborting" }>;

export function aborting(state: Aborting, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "rolledBack":
      return endWhenBoth({
        ...state,
        home: state.home === "lost" ? "lost" : "running",
        leftovers: [...state.leftovers, ...(fact.leftovers ?? [])],
      });
    case "sourceExited":
    case "destroyed":
      return endWhenBoth({ ...state, home: "lost" });
    case "mirrorFailed":
      // The first write error ends the migration; the hypervisor says a moment later what it was.
      return fact.disk === state.cause.openDisk && fact.preliminary !== true
        ? { state: { ...state, cause: mirrorFailure(fact) }, effects: [] }
        : stay(state);
    case "peerDiscarded":
      return endWhenBoth({ ...state, away: "gone", leftovers: [...state.leftovers, ...fact.leftovers] });
    case "peerFailed":
      return fact.promise ? endWhenBoth({ ...state, away: "gone" }) : stay(state);
    case "peerStanding":
      return fact.standing === "promised" || fact.standing === "unknown"
        ? endWhenBoth({ ...state, away: "gone" })
        : stay(state);
    case "peerLost":
      // Mirrors may wait for a network that is gone: break them.
      if (state.away === "gone") return stay(state);
      return endWhenBoth(
        { ...state, away: "unreachable" },
        state.home === "waiting" ? [{ effect: "rollBack", linkLost: true }] : [],
      );
    case "patienceOver":
      return endWhenBoth({ ...state, away: state.away === "waiting" ? "unreachable" : state.away });
    case "commandFailed":
      return fact.effect === "rollBack" || fact.effect === "end"
        ? homeFailed(state, fact.effect, fact.message)
        : stay(state);
    case "retryDue":
      return tryAgain(state);
    case "mirrorReady":
    case "mirrorConcluded":
    case "switchover":
    case "sent":
    case "memoryFailed":
    case "guestIoError":
    case "retired":
    case "peerPrepared":
    case "peerLoaded":
    case "peerResumed":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
    case "journalled":
    case "cancelled":
    case "timedOut":
    case "memoryPass":
    case "postcopyActive":
    case "postcopyPaused":
    case "peerAccepted":
    case "peerPulling":
    case "peerRecoverable":
    case "peerLostGuest":
    case "postcopyWanted":
    case "recoverWanted":
    case "takenBack":
    case "letGo":
      return stay(state);
  }
}

/** It may stand still, and runs nowhere else: nobody says that it is home before it is, or has ended. */
function homeFailed(state: Aborting, effect: "rollBack" | "end", message: string): SourceStep {
  if (state.home !== "waiting") return stay(state);
  return {
    state: { ...state, trouble: { effect, message }, attempts: state.attempts + 1 },
    effects: [{ effect: "startPause", attempts: state.attempts }],
  };
}

function tryAgain(state: Aborting): SourceStep {
  if (state.home !== "waiting" || state.trouble === undefined) return stay(state);
  const { effect } = state.trouble;
  return { state, effects: [effect === "end" ? { effect } : { effect, linkLost: true }] };
}

function endWhenBoth(state: Aborting, effects: readonly SourceEffect[] = []): SourceStep {
  if (state.home === "waiting" || state.away === "waiting") return { state, effects };
  const leftovers =
    state.away === "unreachable"
      ? [
          ...state.leftovers,
          "the destination has not confirmed that it removed what it made; it does so by itself when it can",
        ]
      : state.leftovers;
  return {
    state: {
      phase: state.cause.cancelled ? "cancelled" : "failed",
      cause: state.cause,
      guestLost: state.home === "lost" && "here",
      leftovers,
      ...common(state),
    },
    effects: [{ effect: "finish" }],
  };
}
