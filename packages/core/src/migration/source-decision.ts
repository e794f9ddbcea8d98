import type { SourceFact } from "./facts.ts";
import {
  abort,
  common,
  decided,
  doubt,
  failure,
  forfeit,
  lose,
  promiseOrAsk,
  promised,
  retire,
  stay,
  takenBack,
} from "./source-moves.ts";
import { gone, pull, strand } from "./source-postcopy.ts";
import type { MemoryLink, SourceState, SourceStep } from "./source-state.ts";

type In<P extends SourceState["phase"]> = Extract<SourceState, { readonly phase: P }>;

export function deciding(state: In<"deciding">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "recordDestination":
      return decided(state, state.order, state.peerLost);
    case "recordSource":
      return abort(
        state,
        failure("MIGRATION_FAILED", "the destination withdrew before the decision was recorded"),
      );
    case "recordUnknown":
      return doubt(state, state.order);
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
    case "takenBack":
    case "letGo":
    case "patienceOver":
    case "commandFailed":
    case "memoryPass":
    case "postcopyActive":
    case "postcopyPaused":
    case "peerAccepted":
    case "peerPulling":
    case "peerRecoverable":
    case "peerLostGuest":
    case "postcopyWanted":
    case "recoverWanted":
    case "retryDue":
      return stay(state);
  }
}

type Shown = Extract<
  SourceFact,
  { readonly fact: "postcopyActive" | "postcopyPaused" | "sent" | "memoryFailed" }
>;

/** Where the memory of a post-copy is, by what the hypervisor says. */
function shown({ fact }: Shown): MemoryLink {
  switch (fact) {
    case "postcopyActive":
      return "flowing";
    case "postcopyPaused":
      return "broken";
    case "sent":
      return "sent";
    case "memoryFailed":
      return "failed";
  }
}

const UNRECORDED =
  "the decision could not be recorded, and the destination has promised never to run the guest";

export function inDoubt(state: In<"inDoubt">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "takenBack":
      return takenBack(state, fact.actor);
    case "recordDestination":
      return decided(state, state.order, true, state.memory);
    case "recordUnknown":
      return { state, effects: [{ effect: "readRecord" }] };
    // The agent before this one may have let device state go.
    case "postcopyActive":
    case "postcopyPaused":
    case "sent":
    case "memoryFailed":
      return { state: { ...state, memory: shown(fact) }, effects: [] };
    case "sourceExited":
      return state.memory === "sent" ? stay(state) : { state: { ...state, memory: "ended" }, effects: [] };
    // The destination may have been told before this agent was killed, and a server that lost the decision lets it
    // be written anew: only the destination's own word sends the guest back.
    case "recordSource":
      return stay(state);
    case "peerResumed":
      return retire(state);
    case "peerLostGuest":
      return lose(state, fact.message);
    case "peerFailed":
      return fact.promise
        ? returned(state, `the destination failed: ${fact.message}`)
        : promiseOrAsk(state, fact);
    case "peerDiscarded":
      return returned(state, UNRECORDED, fact.leftovers);
    case "peerLost":
      return { state, effects: [{ effect: "askPeer", demandPromise: true }] };
    case "peerStanding":
      switch (fact.standing) {
        case "resumed":
          return retire(state);
        case "pulling":
          return { ...pull(state), effects: [{ effect: "continueSwitchover" }] };
        case "resuming":
          return {
            state: { phase: "resuming", order: state.order, memory: state.memory, ...common(state) },
            effects: [{ effect: "askPeer", demandPromise: false }],
          };
        case "promised":
        case "unknown":
          return returned(state, UNRECORDED);
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
    case "guestIoError":
    case "rolledBack":
    case "retired":
    case "peerPrepared":
    case "peerLoaded":
    case "journalled":
    case "cancelled":
    case "destroyed":
    case "timedOut":
    case "letGo":
    case "patienceOver":
    case "commandFailed":
    case "memoryPass":
    case "peerAccepted":
    case "peerPulling":
    case "peerRecoverable":
    case "postcopyWanted":
    case "recoverWanted":
    case "retryDue":
      return stay(state);
  }
}

/** With post-copy, from the moment that device state goes neither side has all of the guest. */
export function isWhole({ order, memory }: Pick<In<"resuming">, "order" | "memory">): boolean {
  return order === "precopy" || memory === "held" || memory === "ended";
}

export function resuming(state: In<"resuming">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "peerResumed":
      return retire(state);
    case "letGo":
      return isWhole(state) ? retire(state) : stay(state);
    case "peerPulling":
      return pullBy(state);
    case "peerAccepted":
      return letGo(state);
    case "postcopyActive":
    case "postcopyPaused":
    case "sent":
    case "memoryFailed":
      return { state: { ...state, memory: shown(fact) }, effects: [] };
    case "sourceExited":
      return exited(state, fact.message);
    case "peerLostGuest":
      return lose(state, fact.message);
    case "takenBack":
      return isWhole(state) ? takenBack(state, fact.actor) : stay(state);
    case "peerFailed":
      return fact.promise
        ? returned(state, `the destination failed: ${fact.message}`)
        : promiseOrAsk(state, fact);
    case "peerDiscarded":
      return returned(state, "the destination gave up", fact.leftovers);
    case "peerLost":
      return { state, effects: [{ effect: "askPeer", demandPromise: false }] };
    case "peerStanding":
      switch (fact.standing) {
        case "resumed":
          return retire(state);
        case "pulling":
          return pullBy(state);
        case "promised":
          return returned(state, "the destination could not run the guest and has promised never to");
        // It has lost its memory of this: only a promise is a ground to go back.
        case "unknown":
          return { state, effects: [{ effect: "askPeer", demandPromise: true }] };
        case "preparing":
        case "prepared":
        case "loaded":
          return { state, effects: [{ effect: "tellDecided" }] };
        case "resuming":
          return letGo(state);
      }
      break;
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
    case "peerRecoverable":
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
    case "patienceOver":
    case "commandFailed":
      return stay(state);
  }
}

/**
 * After all of it went, the destination needs nothing more to know where it stands. Before that it waits for what will
 * never come, and a host without power does not even break the connection.
 */
function exited(state: In<"resuming">, message: string): SourceStep {
  if (state.order === "precopy" || state.memory === "sent" || state.memory === "ended") return stay(state);
  if (state.memory !== "held") return gone(state, message);
  return { state: { ...state, memory: "ended" }, effects: [{ effect: "tellGone", message }] };
}

/** The guest is the source's again. It goes on when all of it is here: before any of it went, or after it was copied whole. */
function returned(
  state: In<"resuming" | "inDoubt">,
  why: string,
  leftovers: readonly string[] = [],
): SourceStep {
  const isHere = state.order === "precopy" || state.memory === "held" || state.memory === "sent";
  return isHere ? promised(state, why, leftovers) : forfeit(state, why, leftovers);
}

/** The destination will run the guest, durably: device state may go, or never will. Said twice it does no harm. */
function letGo(state: In<"resuming">): SourceStep {
  if (state.order === "precopy") return stay(state);
  if (state.memory === "held") return { state, effects: [{ effect: "continueSwitchover" }] };
  return state.memory === "ended"
    ? { state, effects: [{ effect: "tellGone", message: ENDED_HERE }] }
    : stay(state);
}

const ENDED_HERE = "its process has ended";

/** The guest runs there. What this side has seen of its memory meanwhile says how it goes on. */
function pullBy(state: In<"resuming">): SourceStep {
  switch (state.memory) {
    // Not seen by this agent, which was started again meanwhile: the hypervisor tells what is so.
    case "held":
      return { ...pull(state), effects: [{ effect: "continueSwitchover" }] };
    case "flowing":
      return pull(state);
    case "broken":
      return strand(state);
    case "failed":
      return gone(state, "sending memory failed for good");
    case "ended":
      return gone(state, ENDED_HERE);
    case "sent":
      return retire(state);
  }
}

const RETIRE_ATTEMPTS = 5;

export function retiring(state: In<"retiring">, fact: SourceFact): SourceStep {
  switch (fact.fact) {
    case "retired":
      return retired(state, []);
    case "commandFailed":
      if (fact.effect !== "retire") return stay(state);
      return state.attempts < RETIRE_ATTEMPTS
        ? { state: { ...state, attempts: state.attempts + 1 }, effects: [{ effect: "retire" }] }
        : retired(state, [fact.message]);
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
    case "takenBack":
    case "letGo":
    case "patienceOver":
    case "memoryPass":
    case "postcopyActive":
    case "postcopyPaused":
    case "peerAccepted":
    case "peerPulling":
    case "peerRecoverable":
    case "peerLostGuest":
    case "postcopyWanted":
    case "recoverWanted":
    case "retryDue":
      return stay(state);
  }
}

function retired({ lost, ...state }: In<"retiring">, leftovers: readonly string[]): SourceStep {
  return {
    state:
      lost === undefined
        ? { phase: "completed", leftovers, ...common(state) }
        : { phase: "failed", cause: lost, guestLost: "there", leftovers, ...common(state) },
    effects: [{ effect: "tellRetired" }, { effect: "finish" }],
  };
}
