import type { Endpoints } from "./endpoints.ts";
import type { Reason } from "../errors.ts";
import type { Order } from "./facts.ts";

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
 * Post-copy, once it is wanted while memory is sent, decides earlier: before device state goes, since from then on
 * neither side has all of the guest.
 *
 * ```
 * sending -> switching -> committing -> deciding -> resuming -> pulling -> retiring -> completed
 *                                                       |       |  ^  \
 *                                                       |       v  |   +-> losing -> retiring -> failed
 *                                                       +----> stranded ----^     (a process died, the guest with it)
 * ```
 *
 * Invariants. The destination is told "decided" only in `resuming`, and `resuming` is entered only by the
 * record (I4). `aborting` (which lets the source run) is entered from `deciding` and later only when the record
 * says source, before anything was told, or the destination has promised durably never to resume (I3, I5). `loading` is entered only when
 * every mirror has concluded without error after the CPUs stood still (I1), and so is `committing`. With post-copy,
 * device state goes only when the destination has accepted: has made durable that it will run the guest. So until
 * then the source is whole and can go back, and after that nobody discards anything as long as both processes live.
 * A destination that promises even so has lost what came: then the guest ends here, and is never run from before.
 */
export type SourceState =
  | ({ readonly phase: "preparing" } & Common)
  | ({ readonly phase: "copying"; readonly endpoints: Endpoints; readonly ready: readonly string[] } & Common)
  | ({ readonly phase: "sending"; readonly wanted: Order } & Common)
  | ({ readonly phase: "switching"; readonly order: Order; readonly concluded: readonly string[] } & Common)
  | ({ readonly phase: "loading"; readonly journalled: boolean; readonly loaded: boolean } & Common)
  /** Post-copy: the mirrors have concluded, device state is still here, "committing" is being journalled. */
  | ({ readonly phase: "committing" } & Common)
  | ({ readonly phase: "deciding"; readonly order: Order; readonly peerLost: boolean } & Common)
  | ({ readonly phase: "inDoubt"; readonly order: Order; readonly memory: MemoryLink } & Common)
  | ({ readonly phase: "resuming"; readonly order: Order; readonly memory: MemoryLink } & Common)
  /** Post-copy: the guest runs on the destination and fetches its memory from here. */
  | ({ readonly phase: "pulling" } & Common)
  /** Post-copy: the connection broke. The guest stands still on the first page that it lacks; nobody is killed. */
  | ({ readonly phase: "stranded"; readonly attempts: number } & Common)
  /** Post-copy: this side's process ended. Unless the destination had everything, the guest is lost. */
  | ({ readonly phase: "losing"; readonly cause: Cause } & Common)
  | ({ readonly phase: "retiring"; readonly attempts: number; readonly lost?: Cause } & Common)
  | ({
      readonly phase: "aborting";
      readonly cause: Cause;
      readonly home: "waiting" | "running" | "lost";
      readonly away: "waiting" | "gone" | "unreachable";
      readonly leftovers: readonly string[];
      readonly attempts: number;
      /** Why the guest is not home yet; it is tried again until it is, or has ended. */
      readonly trouble?: Trouble;
    } & Common)
  | ({ readonly phase: "completed"; readonly leftovers: readonly string[] } & Common)
  | ({
      readonly phase: "failed";
      readonly cause: Cause;
      readonly guestLost: GuestLost;
      readonly leftovers: readonly string[];
    } & Common)
  | ({
      readonly phase: "cancelled";
      readonly cause: Cause;
      readonly guestLost: GuestLost;
      readonly leftovers: readonly string[];
    } & Common);

/** The guest has ended on the way: what is left of it, definition and disks, is this host's or the destination's. */
export type GuestLost = false | "here" | "there";

/** What did not work on the way back, and what the hypervisor said of it. */
export interface Trouble {
  readonly effect: "rollBack" | "end";
  readonly message: string;
}

export type SourcePhase = SourceState["phase"];

/**
 * Of a post-copy that is decided: where device state and the rest of the memory are. Ended: with this side's process,
 * which as far as it is known had given none of it.
 */
export type MemoryLink = "held" | "flowing" | "broken" | "sent" | "failed" | "ended";

/** Phases in which the guest is the source's without any doubt. */
export const UNDECIDED: ReadonlySet<SourcePhase> = new Set([
  "preparing",
  "copying",
  "sending",
  "switching",
  "loading",
  "committing",
  "aborting",
]);

/** What does not change on the way. */
export interface Common {
  readonly mode: "live" | "offline";
  /** Disks that are copied, by target. */
  readonly disks: readonly string[];
  readonly abortOnIoError: boolean;
  /** Post-copy is allowed: when it is told to, and by itself when that many passes did not suffice (0: never by itself). */
  readonly postcopy?: { readonly afterPasses: number };
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
  /** The next switch-over is one to post-copy. */
  | { readonly effect: "startPostcopy" }
  /** Ask the destination for a door, and for another try when it is not mended soon. -> peerRecoverable, retryDue */
  | { readonly effect: "recover"; readonly attempts: number }
  /** -> postcopyActive, or nothing */
  | { readonly effect: "resumePostcopy"; readonly address: string }
  /** Break a connection that does not come forward. -> postcopyPaused */
  | { readonly effect: "breakPostcopy" }
  /** -> peerLostGuest | peerResumed | peerFailed */
  | { readonly effect: "tellGone"; readonly message: string }
  | { readonly effect: "concludeMirrors" }
  /** Let device state go, or tell what has become of it. -> sent | memoryFailed | postcopyActive | postcopyPaused | sourceExited */
  | { readonly effect: "continueSwitchover" }
  | { readonly effect: "tellMirrorsConcluded" }
  /** Make durable on this host. -> journalled */
  | { readonly effect: "journal"; readonly entry: SourceEntry; readonly note?: string }
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
  /** End the guest, of which neither side has all: off, and still this host's. -> sourceExited */
  | { readonly effect: "end" }
  /** The run token is the destination's. */
  | { readonly effect: "surrender" }
  /** -> retired | commandFailed */
  | { readonly effect: "retire" }
  /** Behind a try that failed, the longer the more of them there were. -> retryDue */
  | { readonly effect: "startPause"; readonly attempts: number }
  /** -> patienceOver */
  | { readonly effect: "startPatience" }
  | { readonly effect: "finish" };

/** What the source's journal says of a migration; decides where a restarted agent goes on. */
export type SourceEntry =
  | "begun"
  | "deciding"
  | "decided"
  /** The same two of a post-copy. */
  | "committing"
  | "committed"
  | "resumed"
  /** It ended in post-copy: what is left here ends too, and that it is lost is said. */
  | "lost"
  | "aborting"
  /** The same of a guest of which neither side has all: what is left of it ends, and that it is lost is said. */
  | "forfeited";

export interface SourceStep {
  readonly state: SourceState;
  readonly effects: readonly SourceEffect[];
}
