import type { Order, SourceFact } from "./facts.ts";
import { deciding, inDoubt, resuming, retiring } from "./source-decision.ts";
import { losing, pulling, stranded } from "./source-postcopy.ts";
import { aborting } from "./source-abort.ts";
import {
  abort,
  commit,
  common,
  doubt,
  failure,
  forfeited,
  load,
  lose,
  mirrorFailure,
  retire,
  send,
  stay,
} from "./source-moves.ts";
import type { Common, SourceEntry, SourceState, SourceStep } from "./source-state.ts";

export function beginSource(common: Common): SourceStep {
  return { state: { phase: "preparing", ...common }, effects: [{ effect: "offer" }] };
}

/** Where a restarted agent goes on, by what its journal says; `note` is what was written beside the entry. */
export function restartSource(common: Common, entry: SourceEntry, note = ""): SourceStep {
  switch (entry) {
    case "begun":
    case "aborting":
      return abort(
        common,
        failure("MIGRATION_FAILED", "the source agent was restarted before the decision"),
        { linkLost: true },
      );
    case "deciding":
      return doubt(common, "precopy");
    case "committing":
      return doubt(common, "postcopy");
    case "decided":
      return resumedAfterRestart(common, "precopy");
    case "committed":
      return resumedAfterRestart(common, "postcopy");
    case "resumed":
      return retire(common);
    case "lost":
      return lose(common, note);
    case "forfeited":
      return forfeited(common, note);
  }
}

function resumedAfterRestart(common: Common, order: Order): SourceStep {
  return {
    state: { phase: "resuming", order, memory: "held", ...common },
    effects: [{ effect: "askPeer", demandPromise: false }],
  };
}

export function stepSource(state: SourceState, fact: SourceFact): SourceStep {
  switch (state.phase) {
    case "preparing":
      return preparing(state, fact);
    case "copying":
      return copying(state, fact);
    case "sending":
      return sending(state, fact);
    case "switching":
      return switching(state, fact);
    case "loading":
      return loading(state, fact);
    case "committing":
      return committing(state, fact);
    case "deciding":
      return deciding(state, fact);
    case "inDoubt":
      return inDoubt(state, fact);
    case "resuming":
      return resuming(state, fact);
    case "pulling":
      return pulling(state, fact);
    case "stranded":
      return stranded(state, fact);
    case "losing":
      return losing(state, fact);
    case "retiring":
      return retiring(state, fact);
    case "aborting":
      return aborting(state, fact);
    case "completed":
    case "failed":
    case "cancelled":
      return stay(state);
  }
}

type In<P extends SourceState["phase"]> = Extract<SourceState, { readonly phase: P }>;

/** Facts that end every phase before the decision in the same way; undefined for the others. */
function setback(state: SourceState, fact: SourceFact): SourceStep | undefined {
  switch (fact.fact) {
    case "mirrorFailed":
      return abort(state, mirrorFailure(fact));
    case "mirrorConcluded":
      return abort(
        state,
        failure("MIGRATION_FAILED", `the copy of disk ${fact.disk} was ended by somebody else`),
      );
    case "memoryFailed":
      return abort(state, failure("MIGRATION_FAILED", `sending memory failed: ${fact.message}`));
    case "guestIoError":
      return state.abortOnIoError
        ? abort(
            state,
            failure("MIGRATION_FAILED", `the guest met an I/O error on disk ${fact.disk}: ${fact.message}`),
          )
        : stay(state);
    case "sourceExited":
      return abort(state, failure("MIGRATION_FAILED", `the guest stopped on the source: ${fact.message}`), {
        guestLost: true,
      });
    case "peerFailed":
      return abort(
        state,
        failure("MIGRATION_FAILED", `the destination failed: ${fact.message}`),
        // A promise is given after everything there is gone.
        fact.promise ? { away: "gone" } : {},
      );
    case "peerDiscarded":
      return abort(state, failure("MIGRATION_FAILED", "the destination gave up"), {
        away: "gone",
        leftovers: fact.leftovers,
      });
    case "peerLost":
      return abort(state, failure("PEER_LOST", `the destination agent is lost: ${fact.message}`), {
        linkLost: true,
      });
    case "commandFailed":
      return abort(state, failure("MIGRATION_FAILED", fact.message));
    case "cancelled":
      return abort(state, { reason: "OPERATION_ABORTED", message: cancelledBy(fact.actor), cancelled: true });
    case "destroyed":
      return abort(
        state,
        { reason: "OPERATION_ABORTED", message: destroyedBy(fact.actor), cancelled: true },
        { guestLost: true },
      );
    case "timedOut":
      return abort(
        state,
        failure("DEADLINE", fact.stalled ?? "the migration was not done within its time limit"),
        // Who waits for the network must be torn from it.
        { linkLost: fact.stalled !== undefined },
      );
    case "mirrorReady":
    case "switchover":
    case "sent":
    case "rolledBack":
    case "retired":
    case "peerPrepared":
    case "peerLoaded":
    case "peerResumed":
    case "peerStanding":
    case "recordDestination":
    case "recordSource":
    case "recordUnknown":
    case "journalled":
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
      return undefined;
  }
}

function cancelledBy(actor: string): string {
  return actor === "" ? "the migration was cancelled" : `the migration was cancelled by ${actor}`;
}

function destroyedBy(actor: string): string {
  return actor === "" ? "the guest was destroyed" : `the guest was destroyed by ${actor}`;
}

function preparing(state: In<"preparing">, fact: SourceFact): SourceStep {
  if (fact.fact !== "peerPrepared") return setback(state, fact) ?? stay(state);
  if (state.mode === "offline" && state.disks.length === 0) {
    return {
      state: { phase: "loading", journalled: false, loaded: false, ...common(state) },
      effects: [{ effect: "journal", entry: "deciding" }],
    };
  }
  if (state.disks.length === 0) return send(state);
  return {
    state: { phase: "copying", endpoints: fact.endpoints, ready: [], ...common(state) },
    effects: [{ effect: "startMirrors", endpoints: fact.endpoints }],
  };
}

function copying(state: In<"copying">, fact: SourceFact): SourceStep {
  if (fact.fact !== "mirrorReady") return setback(state, fact) ?? stay(state);
  const ready = withDisk(state.ready, fact.disk);
  if (!covers(ready, state.disks)) return { state: { ...state, ready }, effects: [] };
  // Nobody writes to the disks of a guest that is off: they need only end well.
  return state.mode === "offline" ? conclude(state, "precopy") : send(state);
}

function withDisk(disks: readonly string[], disk: string): readonly string[] {
  return disks.includes(disk) ? disks : [...disks, disk];
}

function covers(done: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((d) => done.includes(d));
}

function sending(state: In<"sending">, fact: SourceFact): SourceStep {
  if (wantsPostcopy(state, fact)) {
    return { state: { ...state, wanted: "postcopy" }, effects: [{ effect: "startPostcopy" }] };
  }
  if (fact.fact !== "switchover") return setback(state, fact) ?? stay(state);
  return state.disks.length === 0 ? concluded(state, fact.order) : conclude(state, fact.order);
}

function conclude(state: Common, order: Order): SourceStep {
  return {
    state: { phase: "switching", order, concluded: [], ...common(state) },
    effects: [{ effect: "concludeMirrors" }],
  };
}

/** Told to, or by itself when the passes that were allowed it did not suffice. */
function wantsPostcopy({ wanted, postcopy }: In<"sending">, fact: SourceFact): boolean {
  if (wanted === "postcopy" || postcopy === undefined) return false;
  if (fact.fact === "postcopyWanted") return true;
  return fact.fact === "memoryPass" && postcopy.afterPasses > 0 && fact.pass > postcopy.afterPasses;
}

/** Every disk is copied. */
function concluded(state: Common, order: Order): SourceStep {
  return order === "postcopy" ? commit(state) : load(state);
}

function switching(state: In<"switching">, fact: SourceFact): SourceStep {
  if (fact.fact !== "mirrorConcluded") return setback(state, fact) ?? stay(state);
  const done = withDisk(state.concluded, fact.disk);
  return covers(done, state.disks)
    ? concluded(state, state.order)
    : { state: { ...state, concluded: done }, effects: [] };
}

function loading(state: In<"loading">, fact: SourceFact): SourceStep {
  if (fact.fact === "peerLoaded") return decideWhenBoth({ ...state, loaded: true });
  if (fact.fact === "journalled")
    return fact.entry === "deciding" ? decideWhenBoth({ ...state, journalled: true }) : stay(state);
  // The destination has everything: the source's process is not needed any more.
  if (state.loaded && (fact.fact === "sourceExited" || fact.fact === "memoryFailed")) return stay(state);
  if (fact.fact === "mirrorConcluded") return stay(state);
  return setback(state, fact) ?? stay(state);
}

function decideWhenBoth(state: In<"loading">): SourceStep {
  if (!state.loaded || !state.journalled) return stay(state);
  return decide(state, "precopy");
}

function committing(state: In<"committing">, fact: SourceFact): SourceStep {
  if (fact.fact === "journalled" && fact.entry === "committing") return decide(state, "postcopy");
  if (fact.fact === "mirrorConcluded") return stay(state);
  return setback(state, fact) ?? stay(state);
}

function decide(state: Common, order: Order): SourceStep {
  return {
    state: { phase: "deciding", order, peerLost: false, ...common(state) },
    effects: [{ effect: "decide" }],
  };
}
