import type { MigrationProgress } from "@virtmesh/api/gen/virtmesh/v1/migration";
import type { Event, MigrationEvent } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { Progress } from "@virtmesh/core/migration/progress";
import { publishFact } from "@virtmesh/mesh/migration-facts";
import type { RunningOperation } from "../operations/operations.ts";
import type { Chassis } from "../chassis.ts";
import type { MigrationOutcome } from "../metrics/migration-metrics.ts";
import type { MigrationNews, Outcome } from "./context.ts";
import type { JournalHeader, JournalSide } from "./journal.ts";
import { progressToWire, reportToWire } from "./progress-wire.ts";

/** Between two progress events of one phase there is at least so much time; a new phase is told at once. */
const QUIET_MS = 450;
/** How long NATS may take for one fact. */
const FACT_MS = 1_000;

/** Brings what happens in migrations to the operation, to the events and to the metrics. */
export class News implements MigrationNews {
  readonly #chassis: Chassis;
  readonly #told = new Map<string, { phase: string; atMs: number; progress: MigrationProgress }>();
  readonly #operations = new Map<string, RunningOperation>();
  #heard = 0n;
  #publishing: Promise<void> = Promise.resolve();

  constructor(chassis: Chassis) {
    this.#chassis = chassis;
  }

  waited(outcome: "begun" | "givenUp", seconds: number): void {
    this.#chassis.migrationMetrics.waited(outcome, seconds);
  }

  began(header: JournalHeader, side: JournalSide): void {
    this.#chassis.migrationMetrics.begin(`${header.offer.plan.id}.${side}`, side);
  }

  /** In order, one after the other. NATS being away loses them: what counts is in the journals and the events. */
  heard(header: JournalHeader, side: JournalSide, fact: { readonly fact: string }): void {
    const { mesh, events, host, logger } = this.#chassis;
    if (mesh === undefined) return;
    const { id, uuid } = header.offer.plan;
    const sequence = (this.#heard += 1n);
    const event: Event = {
      id: `${events.instance}.fact.${sequence}`,
      time: new Date(),
      uri: this.#chassis.uris[0],
      host,
      domainUuid: uuid,
      domainName: header.offer.name,
      sequence,
      generation: header.offer.nextGeneration,
      actor: header.actor,
      requestId: "",
      traceparent: header.trace,
      reconciled: false,
      body: {
        $case: "migration",
        value: { ...about(header, side), fact: JSON.stringify(fact, bigintAsText) },
      },
    };
    this.#publishing = this.#publishing
      .then(
        async () =>
          void (await publishFact(mesh, id, { side, fact: fact.fact, event }, { timeoutMs: FACT_MS })),
      )
      .catch((err: unknown) => logger.debug({ err, migration: id }, "a fact of a migration was not kept"));
  }

  watchedBy(id: string, operation: RunningOperation): void {
    this.#operations.set(id, operation);
    const told = this.#told.get(id);
    if (told !== undefined) operation.progress({ migration: told.progress });
  }

  /** The last that was told of a migration. */
  progressOf(id: string): MigrationProgress | undefined {
    return this.#told.get(id)?.progress;
  }

  progressed(header: JournalHeader, progress: Progress): void {
    const { id } = header.offer.plan;
    const wire = progressToWire(progress, header.destinationUri);
    this.#operations.get(id)?.progress({ migration: wire });
    this.#chassis.migrationMetrics.progress(`${id}.source`, jobOf(header, progress));
    const before = this.#told.get(id);
    const loud =
      before === undefined ||
      before.phase !== progress.phase ||
      progress.updatedAtMs - before.atMs >= QUIET_MS;
    this.#told.set(id, {
      phase: progress.phase,
      atMs: loud ? progress.updatedAtMs : before.atMs,
      progress: wire,
    });
    if (loud) this.#emit(header, "source", { progress: wire, report: undefined, error: "" });
  }

  ended(header: JournalHeader, side: JournalSide, outcome: Outcome): void {
    const { id } = header.offer.plan;
    this.#operations.delete(id);
    const moved = outcome.outcome === "moved";
    const report = moved && outcome.report !== undefined ? outcome.report : undefined;
    this.#chassis.migrationMetrics.end(`${id}.${side}`, {
      role: side,
      outcome: outcomeName(outcome),
      durationSeconds: (Date.now() - header.startedAtMs) / 1000,
      ...(report === undefined ? {} : { downtimeSeconds: report.downtimeMs / 1000 }),
    });
    this.#emit(header, side, {
      progress: this.#told.get(id)?.progress,
      report: report === undefined ? undefined : reportToWire(report, header),
      error: moved ? "" : outcome.message,
    });
    this.#told.delete(id);
  }

  #emit(
    header: JournalHeader,
    side: JournalSide,
    said: {
      progress: MigrationProgress | undefined;
      report: ReturnType<typeof reportToWire> | undefined;
      error: string;
    },
  ): void {
    this.#chassis.events.emit({
      uuid: header.offer.plan.uuid,
      name: header.offer.name,
      actor: header.actor,
      traceparent: header.trace,
      body: {
        $case: "migration",
        value: { ...about(header, side), ...said },
      },
    });
  }
}

function about(header: JournalHeader, side: JournalSide): MigrationEvent {
  return {
    migrationId: header.offer.plan.id,
    side,
    progress: undefined,
    sourceUri: header.sourceUri,
    destinationUri: header.destinationUri,
    report: undefined,
    error: "",
    fact: "",
  };
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function outcomeName(outcome: Outcome): MigrationOutcome {
  if (outcome.outcome === "moved") return "completed";
  return outcome.cancelled ? "cancelled" : "failed";
}

function jobOf(header: JournalHeader, p: Progress) {
  const diskTotal = p.disks.reduce((n, d) => n + d.totalBytes, 0n);
  const diskDone = p.disks.reduce((n, d) => n + d.copiedBytes, 0n);
  return {
    uuid: header.offer.plan.uuid,
    name: header.offer.name,
    stranded: p.phase === "stranded",
    elapsedSeconds: (p.updatedAtMs - header.startedAtMs) / 1000,
    ...(p.etaMs === undefined ? {} : { remainingSeconds: p.etaMs / 1000 }),
    memoryTotalBytes: p.memoryTotalBytes,
    memoryProcessedBytes: p.memoryTransferredBytes,
    memoryRemainingBytes: p.memoryRemainingBytes,
    diskTotalBytes: diskTotal,
    diskProcessedBytes: diskDone,
    diskRemainingBytes: diskTotal - diskDone,
  };
}
