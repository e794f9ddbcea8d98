import type { Call } from "../call.ts";
import type { DomainUuid } from "../ids.ts";

/** A disk of a running guest that shall lie elsewhere on the same host. */
export interface DiskMove {
  /** A UUID, also of its operation. */
  readonly id: string;
  readonly uuid: DomainUuid;
  /** Name of the disk in the guest. */
  readonly disk: string;
  readonly path: string;
  /** Empty: as now. */
  readonly format: string;
  readonly removeSource: boolean;
  /** 0 without a limit. */
  readonly bytesPerSecond: bigint;
}

export interface DiskMoved {
  readonly format: string;
  readonly previousPath: string;
  readonly previousRemoved: boolean;
}

/**
 * Places in a move, in their order: the new image is about to be made, is made, is being filled, is full; the pivot is
 * decided, the CPUs stand still, the job was told to pivot, the device uses the new image, the definitions name it, the
 * CPUs go on. `undoing` comes instead of the rest when it fails.
 */
export const DISK_MOVE_PLACES = [
  ...(["recorded", "made", "copying", "ready"] as const),
  ...(["decided", "stopped", "told", "pivoted", "defined", "resumed"] as const),
  "undoing",
] as const;
export type DiskMovePlace = (typeof DISK_MOVE_PLACES)[number];

/** Who asked for it, while it runs. */
export interface DiskMoveRun {
  /** Aborted when it shall not be done after all; past the decision to pivot that changes nothing. */
  readonly cancel: AbortSignal;
  progress(now: { readonly totalBytes: bigint; readonly copiedBytes: bigint; readonly ready: boolean }): void;
  /** Tests hold a move here. */
  reached(place: DiskMovePlace): Promise<void> | undefined;
}

/**
 * Moves disks. A move resolves when the guest writes to the new image only and its definitions name it; when it throws,
 * the guest uses the old one and nothing is left of the new. The call's signal is the agent's end, which ends neither.
 */
export interface DiskMoveFacet {
  move(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved>;
  /** Those that were under way when the agent ended. */
  pending(): Promise<readonly DiskMove[]>;
  /** Takes one of those up. */
  resume(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved>;
}
