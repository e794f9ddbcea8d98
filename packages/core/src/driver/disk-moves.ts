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

/** Who asked for it, while it runs. */
export interface DiskMoveRun {
  /** Aborted when it shall not be done after all; past the pivot that changes nothing. */
  readonly cancel: AbortSignal;
  progress(now: { readonly totalBytes: bigint; readonly copiedBytes: bigint; readonly ready: boolean }): void;
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
