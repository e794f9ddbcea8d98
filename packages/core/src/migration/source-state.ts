import type { Endpoints } from "./endpoints.ts";
import type { Reason } from "../errors.ts";

/**
 * The source's half of a migration, and the one that decides: `(state, fact) -> (state, effects)`, no I/O.
 *
 * ```
 * preparing -> copying -> sending -> switching -> loading -> deciding -> resuming -> retiring -> completed
 *     |           |          |           |           |          |  \         |
 *     +-----------+----------+-----------+-----------+          |   inDoubt -+   (a reply was lost)
 *                            v                                  v            |
 *                        aborting <---------------------- record: source <---+   (or the destination's promise)
 *                            v
 *                   failed | cancelled
 * ```
 *
 * Invariants. The destination is told "decided" only in `resuming`, and `resuming` is entered only by the
 * record (I4). `aborting` (which lets the source run) is entered from `deciding` and later only when the record
 * says source or the destination has promised durably never to resume (I3, I5). `loading` is entered only when
 * every mirror has concluded without error after the CPUs stood still (I1).
 */
export type SourceState =
  | ({ readonly phase: "preparing" } & Common)
  | ({ readonly phase: "copying"; readonly endpoints: Endpoints; readonly ready: readonly string[] } & Common)
  | ({ readonly phase: "sending" } & Common)
  | ({ readonly phase: "switching"; readonly concluded: readonly string[] } & Common)
  | ({ readonly phase: "loading"; readonly journalled: boolean; readonly loaded: boolean } & Common)
  | ({ readonly phase: "deciding"; readonly peerLost: boolean } & Common)
  | ({ readonly phase: "inDoubt" } & Common)
  | ({ readonly phase: "resuming" } & Common)
  | ({ readonly phase: "retiring"; readonly attempts: number } & Common)
  | ({
      readonly phase: "aborting";
      readonly cause: Cause;
      readonly home: "waiting" | "running" | "lost";
      readonly away: "waiting" | "gone" | "unreachable";
      readonly leftovers: readonly string[];
      readonly attempts: number;
    } & Common)
  | ({ readonly phase: "completed"; readonly leftovers: readonly string[] } & Common)
  | ({
      readonly phase: "failed";
      readonly cause: Cause;
      readonly guestLost: boolean;
      readonly leftovers: readonly string[];
    } & Common)
  | ({
      readonly phase: "cancelled";
      readonly cause: Cause;
      readonly guestLost: boolean;
      readonly leftovers: readonly string[];
    } & Common);

export type SourcePhase = SourceState["phase"];

/** Phases in which the guest is the source's without any doubt. */
export const UNDECIDED: ReadonlySet<SourcePhase> = new Set([
  "preparing",
  "copying",
  "sending",
  "switching",
  "loading",
  "aborting",
]);

/** What does not change on the way. */
export interface Common {
  readonly mode: "live" | "offline";
  /** Disks that are copied, by target. */
  readonly disks: readonly string[];
  readonly abortOnIoError: boolean;
}

export interface Cause {
  readonly reason: Reason;
  readonly message: string;
  readonly cancelled: boolean;
  /** Why this disk failed is still to be told. */
  readonly openDisk?: string;
}

export type SourceEffect =
  /** Offer the guest to the destination. -> peerPrepared | peerFailed | peerLost */
  | { readonly effect: "offer" }
  | { readonly effect: "startMirrors"; readonly endpoints: Endpoints }
  | { readonly effect: "sendMemory" }
  | { readonly effect: "concludeMirrors" }
  | { readonly effect: "continueSwitchover" }
  | { readonly effect: "tellMirrorsConcluded" }
  /** Make durable on this host. -> journalled */
  | { readonly effect: "journal"; readonly entry: SourceEntry }
  /** Write the record by compare-and-set. -> recordDestination | recordSource | recordUnknown */
  | { readonly effect: "decide" }
  /** Read the record as soon as it can be read. -> recordDestination | recordSource | recordUnknown */
  | { readonly effect: "readRecord" }
  /** Close the record for the source if it can be done now: nobody need wait for it. */
  | { readonly effect: "closeRecord" }
  /** After a promise: force the record to the source and raise the run token, until done. */
  | { readonly effect: "fence" }
  | { readonly effect: "tellDecided" }
  | { readonly effect: "tellAbort"; readonly reason: string }
  | { readonly effect: "tellRetired" }
  /** Ask the destination what it did, until it answers. -> peerStanding | peerResumed | peerLost */
  | { readonly effect: "askPeer"; readonly demandPromise: boolean }
  /** -> rolledBack | sourceExited | commandFailed */
  | { readonly effect: "rollBack"; readonly linkLost: boolean }
  /** The run token is the destination's. */
  | { readonly effect: "surrender" }
  /** -> retired | commandFailed */
  | { readonly effect: "retire" }
  /** -> patienceOver */
  | { readonly effect: "startPatience" }
  | { readonly effect: "finish" };

/** What the source's journal says of a migration; decides where a restarted agent goes on. */
export type SourceEntry = "begun" | "deciding" | "decided" | "resumed" | "aborting";

export interface SourceStep {
  readonly state: SourceState;
  readonly effects: readonly SourceEffect[];
}
