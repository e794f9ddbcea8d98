import type { Endpoints } from "./endpoints.ts";
import type { Generation } from "../ids.ts";

/**
 * The destination's half of a migration: `(state, fact) -> (state, effects)`, no I/O.
 *
 * ```
 * preparing -> prepared -> loaded -> resuming -> running
 *     |           |          |          |
 *     +-----------+----------+----------+--> discarding -> promising -> discarded
 *                 |                     |
 *                 +--> (post-copy) -----+--> pulling -> running
 * ```
 *
 * Invariants. `resume` is issued only in `resuming`, which is entered only by the recorded decision, and only
 * after that was journalled here. A promise is given only after the incoming process is gone, never when that may have
 * run the guest, and is durable before it is said. Before memory was complete the source cannot have decided, so a
 * lost source means that everything is discarded; after that the record is asked, and a destination that withdraws
 * does it by compare-and-set on that record.
 *
 * With post-copy the decision comes before the device state: from `prepared` to `resuming`, which accepts it
 * durably and runs the guest when the device state is there. Then it is `pulling`, and nothing but the end of one of
 * the two processes ends that.
 */
export type DestinationState =
  | { readonly phase: "preparing" }
  /** Withdrawing, after a restart: what has come meanwhile is not known yet. */
  | { readonly phase: "prepared"; readonly withdrawing: boolean }
  /** Withdrawing: the source was lost and the record is being asked. */
  | { readonly phase: "loaded"; readonly withdrawing: boolean }
  | {
      readonly phase: "resuming";
      readonly generation: Generation;
      readonly journalled: boolean;
      readonly has: Has;
      readonly stranded: boolean;
      /** The source's process has ended. */
      readonly gone: boolean;
      /** Started again, it asks first whether an operator took the guest back; `alive`: its process is there. */
      readonly confirming?: { readonly alive: boolean; readonly postcopy: boolean };
      /** It may have run, whatever is seen of it now: with all its memory, or (post-copy) without all of it. */
      readonly mayHaveRun?: "whole" | "partly";
    }
  /** The guest runs here without all of its memory. Stranded: the connection to the rest broke. */
  | { readonly phase: "pulling"; readonly stranded: boolean; readonly gone: boolean }
  /** Or it did: `lost` before it had all its memory. */
  | { readonly phase: "running"; readonly lost?: true }
  | { readonly phase: "discarding"; readonly why: Why }
  | { readonly phase: "promising"; readonly why: Why; readonly leftovers: readonly string[] }
  | { readonly phase: "discarded"; readonly why: Why };

/** What has come: nothing that runs yet, device state (post-copy), everything. */
export type Has = "nothing" | "part" | "all";

export type DestinationPhase = DestinationState["phase"];

export interface Why {
  /** A reason of the error list, or empty when the source asked for it. */
  readonly failure: string;
  readonly message: string;
}

export type DestinationEntry = "begun" | "resuming" | "pulling" | "resumed" | "lost" | "promised";

export type DestinationEffect =
  | { readonly effect: "prepare" }
  | { readonly effect: "closeExports" }
  | { readonly effect: "journal"; readonly entry: DestinationEntry; readonly generation?: Generation }
  /** Has an operator taken the guest back? -> recordDestination | recordSource | recordUnknown */
  | { readonly effect: "confirm" }
  /** -> running | resumeFailed */
  | { readonly effect: "resume" }
  /** The run token is ours. */
  | { readonly effect: "adopt"; readonly generation: Generation }
  /** End the incoming process, remove what was made. -> discarded */
  | { readonly effect: "discard" }
  /** Close the record for the source by compare-and-set, as soon as that can be done. -> recordSource | recordDestination | recordUnknown */
  | { readonly effect: "withdraw" }
  | { readonly effect: "tellPrepared"; readonly endpoints: Endpoints }
  | { readonly effect: "tellLoaded" }
  | { readonly effect: "tellAccepted" }
  | { readonly effect: "tellPulling"; readonly downtimeMs: number }
  /** Open a door for the rest of the memory. -> recoverable */
  | { readonly effect: "openRecovery" }
  | { readonly effect: "tellRecoverable"; readonly address: string }
  /** End a guest whose memory will never be whole. -> incomingFailed */
  | { readonly effect: "abandon" }
  | { readonly effect: "tellLostGuest"; readonly message: string }
  | { readonly effect: "tellResumed"; readonly downtimeMs: number }
  | { readonly effect: "tellFailed"; readonly reason: string; readonly message: string }
  | { readonly effect: "tellDiscarded"; readonly leftovers: readonly string[] }
  | { readonly effect: "finish" };

export interface DestinationStep {
  readonly state: DestinationState;
  readonly effects: readonly DestinationEffect[];
}
