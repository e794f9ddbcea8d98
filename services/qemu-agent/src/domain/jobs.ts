import type { BlockJobInfo, BlockJobState, BlockJobType } from "@virtmesh/core/driver/block-jobs";
import type { MigrationId } from "@virtmesh/core/ids";
import type { JobStatus, QmpBlockJob } from "../qmp/commands.ts";
import type { QmpEvent } from "../qmp/events.ts";

/** Somebody who is about to start a job says what it is: `ready` may come before the answer to the command. */
export interface ExpectedJob {
  readonly id: string;
  readonly disk: string;
  readonly type: BlockJobType;
  readonly migrationId?: MigrationId;
}

/** QEMU's states as ours; undefined where the state of before stays (a ready mirror flaps through standby). */
const STATES: { readonly [S in JobStatus]: BlockJobState | undefined } = {
  undefined: undefined,
  created: "running",
  running: "running",
  paused: "paused",
  ready: "ready",
  standby: "ready",
  waiting: undefined,
  pending: undefined,
  aborting: "aborting",
  concluded: undefined,
  null: undefined,
};

const TYPES: ReadonlySet<string> = new Set<BlockJobType>(["mirror", "commit", "stream", "backup"]);

/** The block jobs of one guest, kept by its events. */
export class BlockJobs {
  readonly #jobs = new Map<string, BlockJobInfo>();

  get list(): readonly BlockJobInfo[] {
    return [...this.#jobs.values()];
  }

  find(id: string): BlockJobInfo | undefined {
    return this.#jobs.get(id);
  }

  /** The same jobs with the numbers that a query shows now. */
  withNumbers(jobs: readonly QmpBlockJob[]): readonly BlockJobInfo[] {
    return this.list.map((known) => {
      const now = jobs.find((job) => job.device === known.id);
      return now === undefined ? known : { ...known, ...sizes(now) };
    });
  }

  expect(job: ExpectedJob): void {
    this.#jobs.set(job.id, {
      ...job,
      state: "running",
      doneBytes: 0n,
      totalBytes: 0n,
      speedLimitBytesPerSecond: 0n,
      error: "",
    });
  }

  /** Somebody who expected a job did not start it. */
  forget(id: string): void {
    this.#jobs.delete(id);
  }

  /** Takes up what a query shows, after a gap in the events; jobs that are not there any more are dropped. */
  reconcile(jobs: readonly QmpBlockJob[], migrationOf: (job: string) => MigrationId | undefined): void {
    const before = new Map(this.#jobs);
    this.#jobs.clear();
    for (const job of jobs) {
      if (!TYPES.has(job.type)) continue;
      const known = before.get(job.device);
      const migrationId = known?.migrationId ?? migrationOf(job.device);
      this.#jobs.set(job.device, {
        id: job.device,
        disk: known?.disk ?? diskOfJob(job.device),
        type: job.type as BlockJobType,
        state: job.error === undefined ? (STATES[job.status] ?? known?.state ?? "running") : "failed",
        doneBytes: BigInt(job.offset),
        totalBytes: BigInt(job.len),
        speedLimitBytesPerSecond: BigInt(job.speed),
        error: job.error ?? "",
        ...(migrationId === undefined ? {} : { migrationId }),
      });
    }
  }

  /** The job as it is after the event, when the event changed its state. */
  observe(event: QmpEvent): BlockJobInfo | undefined {
    if (event.event === "JOB_STATUS_CHANGE") return this.#turn(event.data.id, event.data.status);
    if (event.event === "BLOCK_JOB_READY") {
      return this.#change(event.data.device, { state: "ready", ...sizes(event.data) });
    }
    if (event.event === "BLOCK_JOB_CANCELLED") {
      return this.#change(event.data.device, { state: "cancelled", ...sizes(event.data) });
    }
    if (event.event === "BLOCK_JOB_COMPLETED") {
      const { error = "" } = event.data;
      const state = error === "" ? "completed" : "failed";
      return this.#change(event.data.device, { state, error, ...sizes(event.data) });
    }
    return undefined;
  }

  #turn(id: string, status: JobStatus): BlockJobInfo | undefined {
    if (status === "null") this.#jobs.delete(id);
    const state = STATES[status];
    return state === undefined ? undefined : this.#change(id, { state });
  }

  #change(id: string, change: Partial<BlockJobInfo>): BlockJobInfo | undefined {
    const job = this.#jobs.get(id);
    if (job === undefined || isOver(job.state)) return undefined;
    const changed = { ...job, ...change };
    this.#jobs.set(id, changed);
    return changed.state === job.state ? undefined : changed;
  }
}

function isOver(state: BlockJobState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

function sizes(data: {
  readonly len: number;
  readonly offset: number;
  readonly speed: number;
}): Partial<BlockJobInfo> {
  return {
    doneBytes: BigInt(data.offset),
    totalBytes: BigInt(data.len),
    speedLimitBytesPerSecond: BigInt(data.speed),
  };
}

/** A job that nobody announced is called after its disk, or shown by its own name. */
function diskOfJob(id: string): string {
  return /-(\w+)$/.exec(id)?.[1] ?? id;
}
