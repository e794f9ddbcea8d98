import type { SourceFact } from "./facts.ts";
import { deciding, inDoubt, resuming, retiring } from "./source-decision.ts";
import { aborting } from "./source-abort.ts";
import { abort, common, doubt, failure, load, mirrorFailure, retire, send, stay } from "./source-moves.ts";
import type { Common, SourceEntry, SourceState, SourceStep } from "./source-state.ts";

export function beginSource(common: Common): SourceStep {
  return { state: { phase: "preparing", ...common }, effects: [{ effect: "offer" }] };
}

/** Where a restarted agent goes on, by what its journal says. */
export function restartSource(common: Common, entry: SourceEntry): SourceStep {
  switch (entry) {
    case "begun":
    case "aborting":
      return abort(
        common,
        failure("MIGRATION_FAILED", "the source agent was restarted before the decision"),
        { linkLost: true },
      );
    case "deciding":
      return doubt(common);
    case "decided":
      return {
        state: { phase: "resuming", ...common },
        effects: [{ effect: "askPeer", demandPromise: false }],
      };
    case "resumed":
      return retire(common);
  }
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
    case "deciding":
      return deciding(state, fact);
    case "inDoubt":
      return inDoubt(state, fact);
    case "resuming":
      return resuming(state, fact);
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
      return abort(state, failure("DEADLINE", "the migration was not done within its time limit"));
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
    case "patienceOver":
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
  if (state.mode === "offline") {
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
  return covers(ready, state.disks) ? send(state) : { state: { ...state, ready }, effects: [] };
}

function withDisk(disks: readonly string[], disk: string): readonly string[] {
  return disks.includes(disk) ? disks : [...disks, disk];
}

function covers(done: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((d) => done.includes(d));
}

function sending(state: In<"sending">, fact: SourceFact): SourceStep {
  if (fact.fact !== "switchover") return setback(state, fact) ?? stay(state);
  if (state.disks.length === 0) return load(state);
  return {
    state: { phase: "switching", concluded: [], ...common(state) },
    effects: [{ effect: "concludeMirrors" }],
  };
}

function switching(state: In<"switching">, fact: SourceFact): SourceStep {
  if (fact.fact !== "mirrorConcluded") return setback(state, fact) ?? stay(state);
  const concluded = withDisk(state.concluded, fact.disk);
  return covers(concluded, state.disks) ? load(state) : { state: { ...state, concluded }, effects: [] };
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
  return { state: { phase: "deciding", peerLost: false, ...common(state) }, effects: [{ effect: "decide" }] };
}
