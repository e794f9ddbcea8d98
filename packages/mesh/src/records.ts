import { Decision, MigrationRecord } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { VirtError } from "@virtmesh/core/errors";
import type { Generation, MigrationId } from "@virtmesh/core/ids";
import type { Bounds } from "./bounds.ts";
import { watchBucket } from "./bucket-watch.ts";
import type { Mesh, Session } from "./connection.ts";
import { compareAndSet, readKey } from "./kv.ts";
import { Slot } from "./slot.ts";

export type Side = "source" | "destination";
export type RecordStanding = "undecided" | Side | "absent";

/** What a new record says; the rest is filled in. */
export type NewRecord = Omit<MigrationRecord, "decision" | "updateTimeMs">;

/** The records that decide migrations: bucket `migrations`, compare-and-set. */
export class MigrationRecords {
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  /**
   * Creates the record, undecided; does nothing when it is there already for the same guest and agents.
   * EVENTS_UNAVAILABLE when NATS does not answer; MIGRATION_FAILED when the id belongs to another migration.
   */
  async open(record: NewRecord, bounds: Bounds = {}): Promise<void> {
    await this.#mesh.run(`opening the record of migration ${record.id}`, bounds, async (session) => {
      const value = encode({ ...record, decision: Decision.DECISION_UNDECIDED, updateTimeMs: 0n });
      for (;;) {
        const stored = await readRecord(session, record.id);
        if (stored.record) return assertSame(stored.record, record);
        if ((await write(session, record.id, value, stored.revision)) !== undefined) return;
        session.signal.throwIfAborted();
      }
    });
  }

  /**
   * Decides an undecided migration and answers what the record says: perhaps the other side, when it was
   * decided before. "unknown" when NATS did not answer in time or has no such record: the write may have
   * happened, or happen later. Throws CANCELLED only.
   */
  async decide(
    id: MigrationId,
    decision: Side,
    generation: Generation,
    bounds: Bounds = {},
  ): Promise<Side | "unknown"> {
    return this.#orUnknown(`deciding migration ${id}`, bounds, async (session) => {
      for (;;) {
        const { record, revision } = await readRecord(session, id);
        const standing = standingOf(record);
        if (standing === "source" || standing === "destination") return standing;
        if (!record) return "unknown";
        const value = encode({ ...record, decision: decisionOf(decision), generation });
        if ((await write(session, id, value, revision)) !== undefined) return decision;
        session.signal.throwIfAborted();
      }
    });
  }

  async read(id: MigrationId, bounds: Bounds = {}): Promise<RecordStanding | "unknown"> {
    return this.#orUnknown(`reading the record of migration ${id}`, bounds, async (session) =>
      standingOf((await readRecord(session, id)).record),
    );
  }

  /** The whole record with its revision; undefined when there is none. Throws EVENTS_UNAVAILABLE. */
  async get(
    id: MigrationId,
    bounds: Bounds = {},
  ): Promise<{ record: MigrationRecord; revision: number } | undefined> {
    return this.#mesh.run(`reading the record of migration ${id}`, bounds, async (session) => {
      const { record, revision } = await readRecord(session, id);
      return record && { record, revision };
    });
  }

  /**
   * Makes the record say "source", whatever it said or whether it was lost: only after the destination has
   * given its durable promise never to run the guest. A decision still on its way to NATS is refused there
   * from then on, since the revision it expects is gone.
   */
  async fence(id: MigrationId, generation: Generation, bounds: Bounds = {}): Promise<"source" | "unknown"> {
    return this.#orUnknown<"source">(`fencing migration ${id}`, bounds, async (session) => {
      for (;;) {
        const { record, revision } = await readRecord(session, id);
        // By the generation alone a destination that comes back tells this from its own withdrawal.
        if (record && standingOf(record) === "source" && record.generation >= generation) return "source";
        const value = encode({
          ...(record ?? MigrationRecord.fromPartial({ id })),
          decision: Decision.DECISION_SOURCE,
          generation,
        });
        if ((await write(session, id, value, revision)) !== undefined) return "source";
        session.signal.throwIfAborted();
      }
    });
  }

  /** What the record says now and at each change, over lost connections; ends when `signal` is aborted. */
  async *watch(id: MigrationId, signal: AbortSignal): AsyncGenerator<RecordStanding, void, undefined> {
    const latest = new Latest<RecordStanding>();
    await using _watching = watchBucket(this.#mesh, "migrations", id, {
      onEntry({ value }) {
        latest.set(standingOf(value && MigrationRecord.decode(value)));
      },
      onSynced(keys) {
        if (!keys.has(id)) latest.set("absent");
      },
    });
    const end = (): void => latest.end();
    const either = AbortSignal.any([signal, this.#mesh.closing]);
    either.addEventListener("abort", end, { once: true });
    if (either.aborted) end();
    try {
      let last: RecordStanding | undefined;
      for (let now = await latest.next(); now !== undefined; now = await latest.next()) {
        if (now !== last) yield now;
        last = now;
      }
    } finally {
      either.removeEventListener("abort", end);
    }
  }

  async #orUnknown<T>(
    what: string,
    bounds: Bounds,
    operation: (session: Session) => Promise<T>,
  ): Promise<T | "unknown"> {
    try {
      return await this.#mesh.run(what, bounds, operation);
    } catch (e) {
      if (VirtError.is(e) && e.reason === "CANCELLED") throw e;
      this.#mesh.logger.warn({ err: e }, `${what}: outcome unknown`);
      return "unknown";
    }
  }
}

/** Holds the newest value until it is asked for. */
class Latest<T> {
  readonly #slot = new Slot<T>();
  #value: T | undefined;

  set(value: T): void {
    if (!this.#slot.poke(value)) this.#value = value;
  }

  next(): Promise<T | undefined> {
    const value = this.#value;
    this.#value = undefined;
    return value === undefined ? this.#slot.take() : Promise.resolve(value);
  }

  end(): void {
    this.#slot.end();
  }
}

async function readRecord(
  session: Session,
  id: string,
): Promise<{ record: MigrationRecord | undefined; revision: number }> {
  const { value, revision } = await readKey(session.bucket("migrations"), id);
  return { record: value && MigrationRecord.decode(value), revision };
}

function write(
  session: Session,
  id: string,
  value: Uint8Array,
  revision: number,
): Promise<number | undefined> {
  return compareAndSet(session.bucket("migrations"), id, value, revision);
}

function encode(record: MigrationRecord): Uint8Array {
  return MigrationRecord.encode({ ...record, updateTimeMs: BigInt(Date.now()) }).finish();
}

function standingOf(record: MigrationRecord | undefined): RecordStanding {
  switch (record?.decision) {
    case undefined:
      return "absent";
    case Decision.DECISION_SOURCE:
      return "source";
    case Decision.DECISION_DESTINATION:
      return "destination";
    case Decision.DECISION_UNDECIDED:
    case Decision.DECISION_UNSPECIFIED:
    case Decision.UNRECOGNIZED:
      return "undecided";
  }
}

function decisionOf(side: Side): Decision {
  return side === "source" ? Decision.DECISION_SOURCE : Decision.DECISION_DESTINATION;
}

function assertSame(stored: MigrationRecord, wanted: NewRecord): void {
  const same =
    stored.domainUuid === wanted.domainUuid &&
    stored.sourceHost === wanted.sourceHost &&
    stored.destinationHost === wanted.destinationHost;
  if (same) return;
  throw new VirtError(
    "MIGRATION_FAILED",
    `migration id ${wanted.id} was used before, for guest ${stored.domainName} from ${stored.sourceHost} to ${stored.destinationHost}; begin again with a new id`,
  );
}
