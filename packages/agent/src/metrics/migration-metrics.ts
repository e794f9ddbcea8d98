import type { Metrics } from "@virtmesh/kit/metrics";

export type MigrationRole = "source" | "destination";
export type MigrationOutcome = "completed" | "failed" | "cancelled";

/** How far a migration is, in the words of libvirt's job info. */
export interface JobInfo {
  readonly uuid: string;
  readonly name: string;
  readonly elapsedSeconds: number;
  /** A post-copy whose connection broke. */
  readonly stranded: boolean;
  /** undefined while nobody can tell. */
  readonly remainingSeconds?: number;
  readonly memoryTotalBytes: bigint;
  readonly memoryProcessedBytes: bigint;
  readonly memoryRemainingBytes: bigint;
  readonly diskTotalBytes: bigint;
  readonly diskProcessedBytes: bigint;
  readonly diskRemainingBytes: bigint;
}

/** What a finished migration leaves in the metrics. */
export interface MigrationEnd {
  readonly role: MigrationRole;
  readonly outcome: MigrationOutcome;
  readonly durationSeconds: number;
  /** Only of a completed one, at the source. */
  readonly downtimeSeconds?: number;
}

const DURATION_BUCKETS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14_400];
const WAIT_BUCKETS = [0.1, 1, 10, 30, 60, 300, 600, 1800, 3600, 14_400, 43_200];
const DOWNTIME_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30];

/** The numbers of migrations: gauges while one runs, counters and histograms that outlive it. */
export class MigrationMetrics {
  readonly #jobs = new Map<string, { readonly role: MigrationRole; info: JobInfo | undefined }>();
  readonly #ends;
  readonly #durations;
  readonly #downtimes;
  readonly #waits;

  constructor(metrics: Metrics) {
    this.#ends = metrics.counter({
      name: "virtmesh_migrations_total",
      help: "Migrations that ended, by the side this agent was on and by outcome",
      labels: ["role", "outcome"],
    });
    this.#durations = metrics.histogram({
      name: "virtmesh_migration_duration_seconds",
      help: "From the beginning of a migration to its end on this side",
      labels: ["role", "outcome"],
      buckets: DURATION_BUCKETS,
    });
    this.#downtimes = metrics.histogram({
      name: "virtmesh_migration_downtime_seconds",
      help: "How long a migrated guest stood still, by the source's clock",
      buckets: DOWNTIME_BUCKETS,
    });
    this.#waits = metrics.histogram({
      name: "virtmesh_migration_wait_seconds",
      help: "How long migrations from this host waited for their turn, by what came of it",
      labels: ["outcome"],
      buckets: WAIT_BUCKETS,
    });
  }

  /** A migration does not wait any more: its turn has come, or it is given up. */
  waited(outcome: "begun" | "givenUp", seconds: number): void {
    this.#waits.observe({ outcome }, seconds);
  }

  /** A migration is under way on this side. */
  begin(id: string, role: MigrationRole): void {
    this.#jobs.set(id, { role, info: undefined });
  }

  /** Its numbers as of now, shown as `libvirt_domain_job_*` until it ends; begins it at the source if need be. */
  progress(id: string, info: JobInfo): void {
    const job = this.#jobs.get(id);
    if (job) job.info = info;
    else this.#jobs.set(id, { role: "source", info });
  }

  end(id: string, end: MigrationEnd): void {
    this.#jobs.delete(id);
    this.#ends.inc({ role: end.role, outcome: end.outcome });
    this.#durations.observe({ role: end.role, outcome: end.outcome }, end.durationSeconds);
    if (end.downtimeSeconds !== undefined) this.#downtimes.observe(end.downtimeSeconds);
  }

  /** The agent lets go of it without an end: it ends, and another takes it up. */
  forget(id: string): void {
    this.#jobs.delete(id);
  }

  active(role: MigrationRole): number {
    return [...this.#jobs.values()].filter((job) => job.role === role).length;
  }

  stranded(): number {
    return this.jobs().filter((job) => job.stranded).length;
  }

  jobs(): readonly JobInfo[] {
    return [...this.#jobs.values()].flatMap((job) => (job.info ? [job.info] : []));
  }
}
