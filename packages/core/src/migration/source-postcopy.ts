import type { SourceFact } from "./facts.ts";
import { common, failure, forfeit, lose, retire, stay } from "./source-moves.ts";
import type { Common, SourceState, SourceStep } from "./source-state.ts";

type In<P extends SourceState["phase"]> = Extract<SourceState, { readonly phase: P }>;

/** The guest runs on the destination and fetches its memory from here. */
export function pull(state: Common): SourceStep {
  return { state: { phase: "pulling", ...common(state) }, effects: [] };
}

/** The connection broke. Both processes have what they had: nobody is killed, and it is tried again until it works. */
export function strand(state: Common): SourceStep {
  return {
    state: { phase: "stranded", attempts: 1, ...common(state) },
    effects: [{ effect: "recover", attempts: 1 }],
  };
}

/** This side's process is gone. Only the destination knows whether it had everything by then. */
export function gone(state: Common, message: string): SourceStep {
  const cause = failure("GUEST_LOST", `the source could not give the rest of its memory: ${message}`);
  return {
    state: { phase: "losing", cause, ...common(state) },
    effects: [{ effect: "tellGone", message: cause.message }],
  };
}

export function pulling(state: In<"pulling">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "sent":
    case "peerResumed":
      return retire(state);
    case "postcopyPaused":
      return strand(state);
    case "recoverWanted":
      return { state, effects: [{ effect: "breakPostcopy" }] };
    case "sourceExited":
    // Not the same as a broken link: its QEMU will not go on with it.
    case "memoryFailed":
      return gone(state, fact.message);
    case "peerLostGuest":
      return lose(state, fact.message);
    case "peerLost":
      return { state, effects: [{ effect: "askPeer", demandPromise: false }] };
    case "peerFailed":
    case "peerDiscarded":
      return disowned(state, fact);
    case "peerStanding":
      switch (fact.standing) {
        case "resumed":
          return retire(state);
        case "promised":
        case "unknown":
          return disowned(state, fact);
        case "preparing":
        case "prepared":
        case "loaded":
        case "resuming":
        case "pulling":
          return stay(state);
      }
      break;
    case "postcopyActive":
    case "peerPulling":
    case "peerAccepted":
    case "peerRecoverable":
    case "mirrorReady":
    case "mirrorFailed":
    case "mirrorConcluded":
    case "switchover":
    case "memoryPass":
    case "guestIoError":
    case "rolledBack":
    case "retired":
    case "peerPrepared":
    case "peerLoaded":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
    case "journalled":
    case "cancelled":
    case "destroyed":
    case "postcopyWanted":
    case "retryDue":
    case "timedOut":
    case "takenBack":
    case "letGo":
    case "patienceOver":
    case "commandFailed":
      return stay(state);
  }
}

export function stranded(state: In<"stranded">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "sent":
    case "peerResumed":
      return retire(state);
    case "postcopyActive":
      return pull(state);
    case "peerRecoverable":
      return { state, effects: [{ effect: "resumePostcopy", address: fact.address }] };
    case "retryDue":
    case "recoverWanted":
      return again(state);
    case "sourceExited":
    // Not the same as a broken link: its QEMU will not go on with it.
    case "memoryFailed":
      return gone(state, fact.message);
    case "peerLostGuest":
      return lose(state, fact.message);
    case "peerLost":
      return { state, effects: [{ effect: "askPeer", demandPromise: false }] };
    case "peerFailed":
    case "peerDiscarded":
      return disowned(state, fact);
    case "peerStanding":
      switch (fact.standing) {
        case "resumed":
          return retire(state);
        case "promised":
        case "unknown":
          return disowned(state, fact);
        case "preparing":
        case "prepared":
        case "loaded":
        case "resuming":
        case "pulling":
          // The agents reach each other again: so may their hypervisors.
          return again(state);
      }
      break;
    case "postcopyPaused":
    case "peerPulling":
    case "peerAccepted":
    case "mirrorReady":
    case "mirrorFailed":
    case "mirrorConcluded":
    case "switchover":
    case "memoryPass":
    case "guestIoError":
    case "rolledBack":
    case "retired":
    case "peerPrepared":
    case "peerLoaded":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
    case "journalled":
    case "cancelled":
    case "destroyed":
    case "postcopyWanted":
    case "timedOut":
    case "takenBack":
    case "letGo":
    case "patienceOver":
    case "commandFailed":
      return stay(state);
  }
}

function again(state: In<"stranded">): SourceStep {
  const attempts = state.attempts + 1;
  return { state: { ...state, attempts }, effects: [{ effect: "recover", attempts }] };
}

/** What a destination says that ran the guest and lost all that it knew: it is believed only when it promises. */
type Disowning = Extract<SourceFact, { readonly fact: "peerFailed" | "peerDiscarded" | "peerStanding" }>;

function disowned(state: In<"pulling" | "stranded" | "losing">, fact: Disowning): SourceStep {
  const promises =
    fact.fact === "peerDiscarded" ||
    (fact.fact === "peerFailed" ? fact.promise : fact.standing === "promised");
  if (!promises) return { state, effects: [{ effect: "askPeer", demandPromise: true }] };
  const why =
    state.phase === "losing" ? state.cause.message : "the destination has promised never to run the guest";
  return forfeit(state, why, fact.fact === "peerDiscarded" ? fact.leftovers : []);
}

export function losing(state: In<"losing">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    // It had everything: nothing is lost.
    case "peerResumed":
      return retire(state);
    case "peerLostGuest":
      return lose(state, state.cause.message);
    case "peerFailed":
    case "peerDiscarded":
      return disowned(state, fact);
    case "peerLost":
      return { state, effects: [{ effect: "askPeer", demandPromise: false }] };
    case "peerStanding":
      switch (fact.standing) {
        case "resumed":
          return retire(state);
        case "promised":
        case "unknown":
          return disowned(state, fact);
        case "preparing":
        case "prepared":
        case "loaded":
        case "resuming":
        case "pulling":
          return { state, effects: [{ effect: "tellGone", message: state.cause.message }] };
      }
      break;
    case "sent":
    case "postcopyActive":
    case "postcopyPaused":
    case "peerPulling":
    case "peerAccepted":
    case "peerRecoverable":
    case "sourceExited":
    case "mirrorReady":
    case "mirrorFailed":
    case "mirrorConcluded":
    case "switchover":
    case "memoryPass":
    case "memoryFailed":
    case "guestIoError":
    case "rolledBack":
    case "retired":
    case "peerPrepared":
    case "peerLoaded":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
    case "journalled":
    case "cancelled":
    case "destroyed":
    case "postcopyWanted":
    case "recoverWanted":
    case "retryDue":
    case "timedOut":
    case "takenBack":
    case "letGo":
    case "patienceOver":
    case "commandFailed":
      return stay(state);
  }
}
