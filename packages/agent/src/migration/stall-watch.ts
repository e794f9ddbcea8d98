import type { MigrationSample } from "@virtmesh/core/driver/migration";
import type { SourcePhase } from "@virtmesh/core/migration/source-state";

/** For how long nothing may come forward unless the agent is told otherwise. */
export const STALL_MS = 120_000;

/** Phases before the decision in which hypervisors work: whatever they have done can be taken back. */
const WATCHED: ReadonlySet<SourcePhase> = new Set([
  "copying",
  "sending",
  "switching",
  "loading",
  "committing",
]);

/** An agent that stood still itself meets one of them late on waking up, not all: it looks again before it judges. */
const PARTS = 4;

/**
 * Says when nothing of a migration has come forward for too long: no byte, no disk that became ready, no other phase.
 * Nothing else may end that: QEMU's thread sleeps for the hour by which the clock of its host was put back, and a
 * network that swallows only memory is given up by TCP after a quarter of an hour. Node's timers know no wall clock.
 */
export class StallWatch implements Disposable {
  readonly #limitMs: number;
  readonly #onStall: (why: string) => void;
  #parts: NodeJS.Timeout | undefined;
  #phase: SourcePhase | undefined;
  #bytes = 0n;
  readonly #ready = new Set<string>();

  /** `limitMs` 0: never. */
  constructor(limitMs: number, onStall: (why: string) => void) {
    this.#limitMs = limitMs;
    this.#onStall = onStall;
  }

  look(
    phase: SourcePhase,
    now: { readonly sample?: MigrationSample; readonly ready?: readonly string[] },
  ): void {
    for (const disk of now.ready ?? []) this.#ready.add(disk);
    const bytes = now.sample === undefined ? this.#bytes : this.#bytesOf(phase, now.sample);
    const forward = phase !== this.#phase || bytes !== this.#bytes || now.ready !== undefined;
    this.#phase = phase;
    this.#bytes = bytes;
    if (!forward) return;
    clearInterval(this.#parts);
    if (this.#limitMs === 0 || !WATCHED.has(phase)) return;
    let over = 0;
    this.#parts = setInterval(() => {
      over += 1;
      if (over < PARTS) return;
      clearInterval(this.#parts);
      this.#onStall(`nothing came forward for ${this.#limitMs / 1000} s while it was ${phase}`);
    }, this.#limitMs / PARTS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#parts);
  }

  /** What a phase waits for. A disk that is ready grows with every write of the guest, and proves nothing. */
  #bytesOf(phase: SourcePhase, { disks, memoryTransferredBytes }: MigrationSample): bigint {
    if (phase !== "copying") return memoryTransferredBytes;
    const behind = disks.filter((disk) => !this.#ready.has(disk.target));
    return behind.reduce((sum, disk) => sum + disk.copiedBytes, 0n);
  }
}
