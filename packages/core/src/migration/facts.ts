import type { Endpoints } from "./endpoints.ts";
import type { Generation } from "../ids.ts";

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
  /** The CPUs stand still, since so long, and the hypervisor waits for leave to send device state. */
  | { readonly fact: "switchover"; readonly stoppedForMs: number }
  | { readonly fact: "sent" }
  | { readonly fact: "memoryFailed"; readonly message: string }
  | { readonly fact: "guestIoError"; readonly disk: string; readonly message: string }
  | { readonly fact: "sourceExited"; readonly message: string }
  /** Nothing of the migration is left on the source, and the guest is as it was. */
  | { readonly fact: "rolledBack" }
  | { readonly fact: "retired" };

/** What the destination's hypervisor says. */
export type DestinationHypervisorFact =
  | { readonly fact: "prepared"; readonly endpoints: Endpoints }
  | { readonly fact: "prepareFailed"; readonly reason: string; readonly message: string }
  /** Memory and device state are complete; the guest stands still. */
  | { readonly fact: "loaded" }
  | { readonly fact: "incomingFailed"; readonly message: string }
  | { readonly fact: "running"; readonly downtimeMs: number }
  | { readonly fact: "resumeFailed"; readonly message: string }
  | { readonly fact: "discarded"; readonly leftovers: readonly string[] };

export type Standing = "unknown" | "preparing" | "prepared" | "loaded" | "resuming" | "resumed" | "promised";

/** What the destination's agent says, over the session or in answer to a question. */
export type PeerFact =
  | { readonly fact: "peerPrepared"; readonly endpoints: Endpoints }
  | { readonly fact: "peerLoaded" }
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
  /** The caller's limit for the whole migration. */
  | { readonly fact: "timedOut" }
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
