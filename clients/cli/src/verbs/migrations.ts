import {
  ListMigrationsRequest,
  ListMigrationsResponse,
  Migration,
  MigrationProgress,
  MigrationServiceService as service,
  MigrationTuning,
  type TuneMigrationRequest,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { VirtError } from "@virtmesh/core/errors";
import { cancelOperation } from "../operations.ts";
import { phaseName } from "../output/progress.ts";
import { clean } from "../output/table.ts";
import { durationOf, formatMs } from "../output/units.ts";
import { resolveTarget, type Session } from "../session.ts";
import type { Target } from "../target.ts";
import { DOMAIN_ARGUMENT, parseNumber, type Verb } from "../verb.ts";
import { jobFields } from "./migrate.ts";

const MIB = 1024 ** 2;

/** The migration under way that takes a guest from its host. */
async function running(
  session: Session,
  text: string,
): Promise<{ target: Target; migration: Migration | undefined }> {
  const target = await resolveTarget(session, text);
  const request = ListMigrationsRequest.fromPartial({ uri: target.uri, active: true });
  const { migrations } = await session.rpc.unary(service.listMigrations, request);
  const migration = migrations.find(
    (m) => (m.domainUuid === target.domain || m.domainName === target.domain) && m.sourceUri === target.uri,
  );
  return { target, migration };
}

async function needRunning(
  session: Session,
  text: string,
): Promise<{ target: Target; migration: Migration }> {
  const { target, migration } = await running(session, text);
  if (migration === undefined) {
    throw new VirtError("MIGRATION_NOT_FOUND", `no migration of "${text}" is under way from ${target.uri}`);
  }
  return { target, migration };
}

export const migrations: Verb = {
  name: "migrations",
  group: "Migration",
  summary: "list migrations, under way and past",
  options: [{ flags: "--active", help: "only those that are not over" }],
  async run(session, given) {
    const request = ListMigrationsRequest.fromPartial({
      uri: session.globals.connect,
      active: given.flag("active"),
    });
    const answer = await session.rpc.unary(service.listMigrations, request);
    if (session.globals.json) return session.terminal.object(ListMigrationsResponse.toJSON(answer));
    session.terminal.table(
      [
        { title: "Id", cell: (m) => m.id },
        { title: "Domain", cell: (m) => m.domainName },
        { title: "From", cell: (m) => m.sourceUri },
        { title: "To", cell: (m) => m.destinationUri },
        { title: "Phase", cell: (m) => phaseName(m.progress?.phase ?? 0) },
        { title: "Done", right: true, cell: (m) => `${(m.progress?.percent ?? 0).toFixed(0)} %` },
        { title: "Started", cell: (m) => m.startTime?.toISOString() ?? "-" },
        { title: "Waits for", cell: (m) => (m.endTime === undefined ? (m.progress?.stuckReason ?? "") : "") },
        { title: "Error", cell: (m) => m.error },
      ],
      answer.migrations,
    );
    session.terminal.unreachable(answer.unreachable);
  },
};

export const domjobinfo: Verb = {
  name: "domjobinfo",
  group: "Migration",
  summary: "how far the migration of a guest is",
  args: [DOMAIN_ARGUMENT],
  async run(session, given) {
    const { migration } = await running(session, given.arg(0));
    if (session.globals.json)
      return session.terminal.object(migration === undefined ? {} : Migration.toJSON(migration));
    if (migration === undefined) return session.terminal.fields([["Job type", "None"]]);
    const progress = migration.progress ?? MigrationProgress.fromPartial({});
    const elapsed =
      migration.startTime === undefined ? "" : formatMs(Date.now() - migration.startTime.getTime());
    session.terminal.fields(jobFields(progress, elapsed, phaseName(progress.phase)));
  },
};

export const domjobabort: Verb = {
  name: "domjobabort",
  group: "Migration",
  summary: "ask the migration of a guest to stop",
  args: [DOMAIN_ARGUMENT],
  async run(session, given) {
    const { target, migration } = await needRunning(session, given.arg(0));
    await cancelOperation(session, target.uri, `operations/${migration.id}`);
    if (session.globals.json) session.terminal.object({});
    else session.terminal.say(`the migration of '${clean(given.arg(0))}' was asked to stop`);
  },
};

export const setspeed: Verb = {
  name: "migrate-setspeed",
  group: "Migration",
  summary: "limit the bandwidth of a migration under way",
  args: [
    DOMAIN_ARGUMENT,
    { name: "bandwidth", help: "MiB/s for memory and for each disk; 0 is no limit", completes: "none" },
  ],
  async run(session, given) {
    const limit = BigInt(Math.round(parseNumber("the bandwidth", given.arg(1)) * MIB));
    const { target, migration } = await needRunning(session, given.arg(0));
    const tuning = { memoryBandwidthBytesPerSecond: limit, diskBandwidthBytesPerSecond: limit };
    const mask = ["memory_bandwidth_bytes_per_second", "disk_bandwidth_bytes_per_second"];
    await tune(session, target.uri, migration.id, tuning, mask);
  },
};

export const setmaxdowntime: Verb = {
  name: "migrate-setmaxdowntime",
  group: "Migration",
  summary: "set how long the guest of a migration under way may stand still",
  args: [DOMAIN_ARGUMENT, { name: "downtime", help: "milliseconds", completes: "none" }],
  async run(session, given) {
    const maxDowntime = durationOf(parseNumber("the downtime", given.arg(1)));
    const { target, migration } = await needRunning(session, given.arg(0));
    await tune(session, target.uri, migration.id, { maxDowntime }, ["max_downtime"]);
  },
};

/** The migration of a guest, found by who moves it: in post-copy the guest is on both hosts. */
async function underWay(session: Session, text: string): Promise<Migration> {
  const request = ListMigrationsRequest.fromPartial({ uri: session.globals.connect, active: true });
  const { migrations } = await session.rpc.unary(service.listMigrations, request);
  const migration = migrations.find((m) => m.domainUuid === text || m.domainName === text);
  if (migration === undefined)
    throw new VirtError("MIGRATION_NOT_FOUND", `no migration of "${text}" is under way`);
  return migration;
}

export const migratePostcopy: Verb = {
  name: "migrate-postcopy",
  group: "Migration",
  summary: "switch a migration under way to post-copy; there is no way back from it",
  args: [DOMAIN_ARGUMENT],
  notes:
    "The migration must have been begun with --postcopy, and its memory be on its way.\n" +
    "From the switch on the guest runs on the destination and fetches from the source what it lacks: " +
    "it dies if either side dies before that is done.",
  async run(session, given) {
    const { sourceUri: uri, id } = await underWay(session, given.arg(0));
    const migration = await session.rpc.unary(service.startPostcopy, {
      ...{ uri, id, requestId: crypto.randomUUID() },
    });
    if (session.globals.json) return session.terminal.object(Migration.toJSON(migration));
    session.terminal.say(`'${clean(given.arg(0))}' switches to post-copy`);
  },
};

export const migrateRecover: Verb = {
  name: "migrate-recover",
  group: "Migration",
  summary: "mend the broken connection of a post-copy now",
  args: [DOMAIN_ARGUMENT],
  notes:
    "It is tried by itself with growing pauses, and at once when the agents reach each other again.\n" +
    "A connection that is there but does not come forward is broken first.",
  async run(session, given) {
    const { sourceUri: uri, id } = await underWay(session, given.arg(0));
    const migration = await session.rpc.unary(service.recoverMigration, {
      ...{ uri, id, requestId: crypto.randomUUID() },
    });
    if (session.globals.json) return session.terminal.object(Migration.toJSON(migration));
    session.terminal.say(`a new connection for the memory of '${clean(given.arg(0))}' is being made`);
  },
};

async function tune(
  session: Session,
  uri: string,
  id: string,
  change: Partial<MigrationTuning>,
  updateMask: string[],
): Promise<void> {
  const tuning = { ...MigrationTuning.fromPartial({}), ...change };
  const request: TuneMigrationRequest = { uri, id, tuning, updateMask, requestId: crypto.randomUUID() };
  const migration = await session.rpc.unary(service.tuneMigration, request);
  if (session.globals.json) session.terminal.object(Migration.toJSON(migration));
}
