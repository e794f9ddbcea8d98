import type { Endpoints } from "./endpoints.ts";
import type { Generation } from "../ids.ts";

/** What comes first: all of the memory and then the decision, or (post-copy) the decision. */
export type Order = "precopy" | "postcopy";

/** What the source's hypervisor says about a migration. */
export type SourceHypervisorFact =
  | { readonly fact: "mirrorReady"; readonly disk: string }
  /** BLOCK_JOB_ERROR, a job that ended with an error, or a job that is not there any more. */
  | {
      readonly fact: "mirrorFailed";
      readonly disk: string;
      readonly message: string;
      /** It is known that it failed, and why will follow. */
      readonly preliminary?: true;
    }
  /** Ended without error after it was told to end. */
  | { readonly fact: "mirrorConcluded"; readonly disk: string }
  /**
   * The CPUs stand still, since so long, and the hypervisor waits for leave to send device state. `postcopy`: it was
   * told in time that memory may follow, and whatever goes wrong from here on it does not let them run by itself.
   */
  | { readonly fact: "switchover"; readonly stoppedForMs: number; readonly order: Order }
  | { readonly fact: "sent" }
  /** A pass over memory begins; the first is 1. */
  | { readonly fact: "memoryPass"; readonly pass: number }
  /** Post-copy: the destination asks for the pages that it lacks, and gets them. Said again when a broken link is mended. */
  | { readonly fact: "postcopyActive" }
  /** Post-copy: the connection broke. Both halves of the guest's memory are intact and wait. */
  | { readonly fact: "postcopyPaused"; readonly message: string }
  | { readonly fact: "memoryFailed"; readonly message: string }
  | { readonly fact: "guestIoError"; readonly disk: string; readonly message: string }
  | { readonly fact: "sourceExited"; readonly message: string }
  /** The guest is as it was, and nothing of the migration is left on the source but what is said. */
  | { readonly fact: "rolledBack"; readonly leftovers?: readonly string[] }
  | { readonly fact: "retired" };

/** What the destination's hypervisor says. */
export type DestinationHypervisorFact =
  | { readonly fact: "prepared"; readonly endpoints: Endpoints }
  | { readonly fact: "prepareFailed"; readonly reason: string; readonly message: string }
  /** Memory and device state are complete; the guest stands still. */
  | { readonly fact: "loaded" }
  /** Post-copy: device state is complete and the guest can run; memory follows page by page. */
  | { readonly fact: "loadedPartly" }
  /** Post-copy: the last page has come. */
  | { readonly fact: "complete" }
  | { readonly fact: "postcopyActive" }
  | { readonly fact: "postcopyPaused"; readonly message: string }
  /** A door is open for the rest of the memory, after its connection broke. */
  | { readonly fact: "recoverable"; readonly address: string }
  | {
      readonly fact: "incomingFailed";
      readonly message: string;
      /** Its process had been told to let the guest run, and has not refused. */
      readonly mayHaveRun?: true;
    }
  | { readonly fact: "running"; readonly downtimeMs: number }
  /** The hypervisor refused, and has never run the guest. */
  | { readonly fact: "resumeFailed"; readonly message: string }
  | { readonly fact: "discarded"; readonly leftovers: readonly string[] };

export type Standing =
  | "unknown"
  | "preparing"
  | "prepared"
  | "loaded"
  | "resuming"
  /** The guest runs there and lacks memory that is still on the source. */
  | "pulling"
  /** It runs there and lacks nothing. */
  | "resumed"
  | "promised";

/** What a destination answers; `lost` is heard as `peerLostGuest`. */
export type Answer = Standing | "lost";

/** What the destination's agent says, over the session or in answer to a question. */
export type PeerFact =
  | { readonly fact: "peerPrepared"; readonly endpoints: Endpoints }
  | { readonly fact: "peerLoaded" }
  /** The decision is journalled there before the guest's device state has come: it may go now. */
  | { readonly fact: "peerAccepted" }
  /** The guest runs there on half its memory. */
  | { readonly fact: "peerPulling"; readonly downtimeMs: number }
  | { readonly fact: "peerRecoverable"; readonly address: string }
  /** Its process there has ended before it had all its memory: it is nowhere whole any more. */
  | { readonly fact: "peerLostGuest"; readonly message: string }
  | { readonly fact: "peerResumed"; readonly downtimeMs: number }
  | {
      readonly fact: "peerFailed";
      readonly reason: string;
      readonly message: string;
      readonly promise: boolean;
    }
  | { readonly fact: "peerDiscarded"; readonly leftovers: readonly string[] }
  /** Silence for too long, or the stream broke. */
  | { readonly fact: "peerLost"; readonly message: string }
  /** What it answered when asked; a `promised` is durable there. */
  | { readonly fact: "peerStanding"; readonly standing: Standing };

/** What the source's agent says to the destination. */
export type SourceAgentFact =
  | { readonly fact: "sourceMirrorsConcluded" }
  | { readonly fact: "sourceDecided"; readonly generation: Generation }
  | { readonly fact: "sourceAborted"; readonly reason: string }
  | { readonly fact: "sourceLost"; readonly message: string }
  | { readonly fact: "sourceRetired" }
  /** The connection of a post-copy broke: the source wants a door to go on by. */
  | { readonly fact: "sourceRecovers" }
  /** The source's process has ended: what has not come of the memory never will. */
  | { readonly fact: "sourceGone"; readonly message: string }
  /** A source that does not know any more wants to know, or wants a promise. */
  | { readonly fact: "promiseDemanded" };

/** What became of reading or writing the record that decides. */
export type RecordFact =
  /** The record says: destination. */
  | { readonly fact: "recordDestination"; readonly generation: Generation }
  /** The record says: source. */
  | { readonly fact: "recordSource" }
  /** It could not be read or written in time; it may say anything. */
  | { readonly fact: "recordUnknown"; readonly message: string };

export type JournalFact = { readonly fact: "journalled"; readonly entry: string };

export type UserFact =
  | { readonly fact: "cancelled"; readonly actor: string }
  /** The user ends the guest itself: its process is about to be killed. */
  | { readonly fact: "destroyed"; readonly actor: string }
  /** Memory does not converge, or shall not be waited for: switch to post-copy. */
  | { readonly fact: "postcopyWanted" }
  /** Try now to mend the broken connection of a post-copy. */
  | { readonly fact: "recoverWanted" }
  /** It is time for another try. */
  | { readonly fact: "retryDue" }
  /** The caller's limit for the whole migration is over, or (`stalled`) nothing has come forward for too long. */
  | { readonly fact: "timedOut"; readonly stalled?: string }
  /** An operator has made sure that the destination is off; the record and the run token say so already. */
  | { readonly fact: "takenBack"; readonly actor: string }
  /** An operator leaves the guest to a destination that does not answer. */
  | { readonly fact: "letGo"; readonly actor: string }
  /** The destination was told to give up and has not said that it did, for too long. */
  | { readonly fact: "patienceOver" };

/** A command of the machine could not be carried out. */
export type CommandFact = {
  readonly fact: "commandFailed";
  readonly effect: string;
  readonly reason: string;
  readonly message: string;
};

export type SourceFact = SourceHypervisorFact | PeerFact | RecordFact | JournalFact | UserFact | CommandFact;
export type DestinationFact =
  | DestinationHypervisorFact
  | SourceAgentFact
  | RecordFact
  | JournalFact
  | CommandFact;
