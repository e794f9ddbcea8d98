import type { SourcePhase } from "@virtmesh/core/migration/source-state";
import type { Progress } from "@virtmesh/core/migration/progress";

/** How long the parts of a finished migration took, in milliseconds. */
export interface Report {
  readonly totalMs: number;
  readonly preparationMs: number;
  readonly diskCopyMs: number;
  readonly memoryCopyMs: number;
  /** From the source's CPUs standing still to the news that the destination's run, by the source's clock. */
  readonly downtimeMs: number;
  readonly deviceStateMs: number;
  readonly decisionMs: number;
  /** From the destination running to nothing left on the source. */
  readonly tailMs: number;
  /** From the guest running on the destination to its last page being there; only with post-copy. */
  readonly postcopyMs?: number;
  /** As the hypervisor counts it. */
  readonly hypervisorDowntimeMs: number;
  readonly memoryBytes: bigint;
  readonly memoryPasses: number;
  readonly disks: Progress["disks"];
}

/** Marks when each phase began, on a clock that is never set. */
export class Timeline {
  readonly #began = new Map<SourcePhase, number>();
  readonly #clock: () => number;
  #stopped: number | undefined;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.enter("preparing");
  }

  enter(phase: SourcePhase): void {
    if (!this.#began.has(phase)) this.#began.set(phase, this.#clock());
  }

  /** The CPUs stood still so long before now. */
  stopped(forMs: number): void {
    this.#stopped = this.#clock() - forMs;
  }

  #between(from: SourcePhase, to: readonly SourcePhase[]): number {
    const start = this.#began.get(from);
    const end = to.map((p) => this.#began.get(p)).find((t) => t !== undefined);
    return start === undefined || end === undefined ? 0 : end - start;
  }

  report(progress: Progress, hypervisorDowntimeMs: number): Report {
    const pulling = this.#began.get("pulling") ?? this.#began.get("stranded");
    const runs = pulling ?? this.#began.get("retiring") ?? this.#clock();
    return {
      totalMs: this.#between("preparing", ["completed"]),
      preparationMs: this.#between("preparing", ["copying", "sending", "loading"]),
      diskCopyMs: this.#between("copying", ["sending"]),
      memoryCopyMs: this.#between("sending", ["switching", "loading", "committing"]),
      downtimeMs: this.#stopped === undefined ? 0 : runs - this.#stopped,
      deviceStateMs: this.#between("loading", ["deciding"]),
      decisionMs: this.#between("deciding", ["resuming"]),
      tailMs: this.#between("retiring", ["completed"]),
      ...(pulling === undefined
        ? {}
        : { postcopyMs: (this.#began.get("retiring") ?? this.#clock()) - pulling }),
      hypervisorDowntimeMs,
      memoryBytes: progress.memoryTransferredBytes,
      memoryPasses: progress.memoryPasses,
      disks: progress.disks,
    };
  }
}
