import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { MeshLogger } from "./logger.ts";
import { EVENT_SUBJECTS, MIGRATION_SUBJECTS } from "./subjects.ts";

export const EVENTS_STREAM = "EVENTS";
export const MIGRATIONS_STREAM = "MIGRATIONS";

export const BUCKETS = ["agents", "inventory", "migrations", "owners"] as const;
export type BucketName = (typeof BUCKETS)[number];

export interface InfrastructureOptions {
  /** 1, or 3 with a cluster. */
  readonly replicas?: number;
  /** How long events are kept; 7 days unless told. */
  readonly eventMaxAgeMs?: number;
  /** Time within which a repeated message id is dropped by the server; 2 minutes unless told. */
  readonly duplicateWindowMs?: number;
  /** Time to live of a lease; 3 s unless told. */
  readonly leaseTtlMs?: number;
}

export const LEASE_TTL_MS = 3_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Longer than anybody leaves two agents in doubt. */
const RECORD_MAX_AGE_MS = 90 * DAY_MS;

type Wanted = Partial<StreamConfig> & { readonly name: string };

/** Everything virtmesh keeps in NATS, in terms that nats-server 2.9 knows. */
export function wantedStreams(options: InfrastructureOptions): Wanted[] {
  const num_replicas = options.replicas ?? 1;
  const log = { retention: RetentionPolicy.Limits, storage: StorageType.File, num_replicas };
  return [
    {
      ...log,
      name: EVENTS_STREAM,
      subjects: [EVENT_SUBJECTS],
      max_age: nanos(options.eventMaxAgeMs ?? 7 * DAY_MS),
      duplicate_window: nanos(options.duplicateWindowMs ?? 2 * MINUTE_MS),
    },
    {
      ...log,
      name: MIGRATIONS_STREAM,
      subjects: [MIGRATION_SUBJECTS],
      max_age: nanos(RECORD_MAX_AGE_MS),
      duplicate_window: nanos(options.duplicateWindowMs ?? 2 * MINUTE_MS),
      deny_purge: true,
    },
    // In memory: a lease that a restart of NATS forgets is announced again at the reconnect.
    bucket("agents", num_replicas, {
      max_age: nanos(options.leaseTtlMs ?? LEASE_TTL_MS),
      storage: StorageType.Memory,
    }),
    bucket("inventory", num_replicas),
    bucket("migrations", num_replicas, { max_msgs_per_subject: 8, max_age: nanos(RECORD_MAX_AGE_MS) }),
    bucket("owners", num_replicas, { max_msgs_per_subject: 8 }),
  ];
}

/** A key-value bucket is a stream of this form (NATS ADR-8). */
function bucket(name: BucketName, num_replicas: number, more: Partial<StreamConfig> = {}): Wanted {
  return {
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas,
    max_msgs_per_subject: 1,
    discard: DiscardPolicy.New,
    allow_rollup_hdrs: true,
    // Direct reads may be answered by a replica that lags; what decides must be read from the leader.
    allow_direct: false,
    ...more,
  };
}

/**
 * Creates what is missing; runs on every connection. What exists is left as it is, since two processes with
 * different settings would undo each other's work for ever; a difference is told to the log.
 */
export async function ensureInfrastructure(
  jsm: JetStreamManager,
  options: InfrastructureOptions,
  logger: MeshLogger,
): Promise<void> {
  for (const wanted of wantedStreams(options)) {
    const present = await find(jsm, wanted.name);
    if (present === undefined) await create(jsm, wanted);
    else warnOfDifferences(wanted, present, logger);
  }
}

async function find(jsm: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(name)).config;
  } catch (e) {
    if (isStreamNotFound(e)) return undefined;
    throw e;
  }
}

const STREAM_NAME_IN_USE = 10058;

async function create(jsm: JetStreamManager, wanted: Wanted): Promise<void> {
  try {
    await jsm.streams.add(wanted);
  } catch (e) {
    // Another process was quicker, with other settings.
    if (e instanceof JetStreamApiError && e.code === STREAM_NAME_IN_USE) return;
    throw e;
  }
}

const COMPARED = ["max_age", "duplicate_window", "num_replicas", "max_msgs_per_subject"] as const;

function warnOfDifferences(wanted: Wanted, present: StreamConfig, logger: MeshLogger): void {
  for (const setting of COMPARED) {
    const value = wanted[setting];
    if (value === undefined || value === present[setting]) continue;
    logger.warn(
      { stream: wanted.name, setting, wanted: value, present: present[setting] },
      "a stream has other settings than this process wants, change one of the two (nats stream edit)",
    );
  }
}

export function isStreamNotFound(e: unknown): boolean {
  return e instanceof JetStreamApiError && e.name === "StreamNotFoundError";
}

function nanos(ms: number): number {
  return ms * 1_000_000;
}
