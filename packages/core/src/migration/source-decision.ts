import type { SourceFact } from "./facts.ts";
import {
  abort,
  common,
  decided,
  doubt,
  failure,
  promiseOrAsk,
  promised,
  retire,
  stay,
} from "./source-moves.ts";
import type { SourceState, SourceStep } from "./source-state.ts";

type In<P extends SourceState["phase"]> = Extract<SourceState, { readonly phase: P }>;

export function deciding(state: In<"deciding">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "recordDestination":
      return decided(state, state.peerLost);
    case "recordSource":
      return abort(
        state,
        failure("MIGRATION_FAILED", "the destination withdrew before the decision was recorded"),
      );
    case "recordUnknown":
      return doubt(state);
    case "peerLost":
      return { state: { ...state, peerLost: true }, effects: [] };
    case "peerFailed":
      return promiseOrAsk(state, fact);
    case "peerDiscarded":
      return promised(state, "the destination gave up", fact.leftovers);
    case "peerStanding":
      return stay(state);
    case "mirrorReady":
    case "mirrorFailed":
    case "mirrorConcluded":
    case "switchover":
    case "sent":
    case "memoryFailed":
    case "guestIoError":
    case "sourceExited":
    case "rolledBack":
    case "retired":
    case "peerPrepared":
    case "peerLoaded":
    case "peerResumed":
    case "journalled":
    case "cancelled":
    case "destroyed":
    case "timedOut":
    case "patienceOver":
    case "commandFailed":
      return stay(state);
  }
}

const UNRECORDED =
  "the decision could not be recorded, and the destination has promised never to run the guest";

export function inDoubt(state: In<"inDoubt">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "recordDestination":
      return decided(state, true);
    case "recordSource":
      return abort(state, failure("MIGRATION_FAILED", "the record says that the guest stays on the source"));
    case "recordUnknown":
      return { state, effects: [{ effect: "readRecord" }] };
    case "peerResumed":
      return retire(state);
    case "peerFailed":
      return promiseOrAsk(state, fact);
    case "peerDiscarded":
      return promised(state, UNRECORDED, fact.leftovers);
    case "peerLost":
      return { state, effects: [{ effect: "askPeer", demandPromise: true }] };
    case "peerStanding":
      switch (fact.standing) {
        case "resumed":
          return retire(state);
        case "resuming":
          return {
            state: { phase: "resuming", ...common(state) },
            effects: [{ effect: "askPeer", demandPromise: false }],
          };
        case "promised":
        case "unknown":
          return promised(state, UNRECORDED, []);
        case "preparing":
        case "prepared":
        case "loaded":
          return { state, effects: [{ effect: "askPeer", demandPromise: true }] };
      }
      break;
    case "mirrorReady":
    case "mirrorFailed":
    case "mirrorConcluded":
    case "switchover":
    case "sent":
    case "memoryFailed":
    case "guestIoError":
    case "sourceExited":
    case "rolledBack":
    case "retired":
    case "peerPrepared":
    case "peerLoaded":
    case "journalled":
    case "cancelled":
    case "destroyed":
    case "timedOut":
    case "patienceOver":
    case "commandFailed":
      return stay(state);
  }
}

export function resuming(state: In<"resuming">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "peerResumed":
      return retire(state);
    case "peerFailed":
      return promiseOrAsk(state, fact);
    case "peerDiscarded":
      return promised(state, "the destination gave up", fact.leftovers);
    case "peerLost":
      return { state, effects: [{ effect: "askPeer", demandPromise: false }] };
    case "peerStanding":
      switch (fact.standing) {
        case "resumed":
          return retire(state);
        case "promised":
          return promised(state, "the destination could not run the guest and has promised never to", []);
        // It has lost its memory of this: only a promise is a ground to go back.
        case "unknown":
          return { state, effects: [{ effect: "askPeer", demandPromise: true }] };
        case "preparing":
        case "prepared":
        case "loaded":
          return { state, effects: [{ effect: "tellDecided" }] };
        case "resuming":
          return stay(state);
      }
      break;
    case "mirrorReady":
    case "mirrorFailed":
    case "mirrorConcluded":
    case "switchover":
    case "sent":
    case "memoryFailed":
    case "guestIoError":
    case "sourceExited":
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
    case "timedOut":
    case "patienceOver":
    case "commandFailed":
      return stay(state);
  }
}

const RETIRE_ATTEMPTS = 5;

export function retiring(state: In<"retiring">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "retired":
      return {
        state: { phase: "completed", leftovers: [], ...common(state) },
        effects: [{ effect: "tellRetired" }, { effect: "finish" }],
      };
    case "commandFailed":
      if (fact.effect !== "retire") return stay(state);
      return state.attempts < RETIRE_ATTEMPTS
        ? { state: { ...state, attempts: state.attempts + 1 }, effects: [{ effect: "retire" }] }
        : {
            state: { phase: "completed", leftovers: [fact.message], ...common(state) },
            effects: [{ effect: "tellRetired" }, { effect: "finish" }],
          };
    case "mirrorReady":
    case "mirrorFailed":
    case "mirrorConcluded":
    case "switchover":
    case "sent":
    case "memoryFailed":
    case "guestIoError":
    case "sourceExited":
    case "rolledBack":
    case "peerPrepared":
    case "peerLoaded":
    case "peerResumed":
    case "peerFailed":
    case "peerDiscarded":
    case "peerLost":
    case "peerStanding":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
    case "journalled":
    case "cancelled":
    case "destroyed":
    case "timedOut":
    case "patienceOver":
      return stay(state);
  }
}
