import {
  type GetMigrationLimitsRequest,
  type GetMigrationRequest,
  type ListMigrationsRequest,
  type ListMigrationsResponse,
  type MigrateDomainRequest,
  type Migration,
  type MigrationLimits,
  MigrationPreflight,
  MigrationReport,
  type MigrationResolution,
  ResolutionChoice,
  type ResolveMigrationRequest,
  MigrationServiceService,
  type RecoverMigrationRequest,
  type StartPostcopyRequest,
  type TuneMigrationRequest,
  type UpdateMigrationLimitsRequest,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { type MigrationId, newMigrationId } from "@virtmesh/core/ids";
import { unary } from "@virtmesh/kit/grpc-server";
import type { Chassis, ServedService } from "../chassis.ts";
import { packAny } from "../operations/any.ts";
import type { OperationState } from "../operations/state.ts";
import { limitsChange, limitsToWire } from "../traffic/limits-wire.ts";
import { resolutionsOf, resolve, runnerOf } from "./resolve.ts";
import type { Migrations } from "./migrations.ts";
import type { News } from "./news.ts";
import { blocked } from "./preflight.ts";
import type { MigrationQueue } from "./queue.ts";
import { retuned } from "./wire.ts";

/** The user's door to migrations. Everything of one migration lives in its operation. */
export function migrationService(
  chassis: Chassis,
  migrations: Migrations,
  queue: MigrationQueue,
  news: News,
): ServedService {
  const limits = (): MigrationLimits => {
    const { outgoing, incoming } = migrations.context;
    return limitsToWire(chassis.limits.now, {
      runningOutgoing: outgoing.running,
      runningIncoming: incoming.running,
      waitingOutgoing: outgoing.waiting,
      waitingIncoming: incoming.waiting,
    });
  };
  const find = (id: string): Migration => {
    const state = chassis.operations.list().find((o) => o.id === id && o.metadata.verb === "migrate");
    if (state === undefined)
      throw new VirtError("MIGRATION_NOT_FOUND", `there is no migration ${id} on ${chassis.host}`);
    return migrationOf(state, news);
  };
  return {
    definition: MigrationServiceService,
    implementation: {
      migrateDomain: unary(async (request: MigrateDomainRequest, c: Call) => {
        if (request.validateOnly) return preflight(chassis, migrations, request, c);
        return queue.start(request, c);
      }),
      getMigration: unary((request: GetMigrationRequest) => find(request.id)),
      listMigrations: unary((request: ListMigrationsRequest): ListMigrationsResponse => {
        const all = chassis.operations.list().filter((o) => o.metadata.verb === "migrate");
        const wanted = request.active ? all.filter((o) => o.result === undefined) : all;
        return { migrations: wanted.map((o) => migrationOf(o, news)), unreachable: [] };
      }),
      tuneMigration: unary(async (request: TuneMigrationRequest) => {
        const id = request.id as MigrationId;
        if (queue.has(id)) {
          throw new VirtError(
            "WRONG_STATE",
            `migration ${id} waits for its turn and has no limits to change yet; cancel it and ask again with others`,
          );
        }
        await migrations.tune(id, (now) => retuned(now, request));
        return find(id);
      }),
      resolveMigration: unary(
        async (request: ResolveMigrationRequest, call: Call): Promise<MigrationResolution> => {
          const { id, choice, destinationIsOff } = request;
          const c = migrations.context;
          const runner = runnerOf(migrations.outgoing(id as MigrationId), id, chassis.host);
          const options = resolutionsOf(c, runner, destinationIsOff);
          if (choice !== ResolutionChoice.RESOLUTION_CHOICE_UNSPECIFIED)
            await resolve(c, runner, { choice, destinationIsOff, actor: call.actor });
          return { migration: find(id), options: [...options], chosen: choice };
        },
      ),
      getMigrationLimits: unary((_request: GetMigrationLimitsRequest): MigrationLimits => limits()),
      updateMigrationLimits: unary(
        async (request: UpdateMigrationLimitsRequest): Promise<MigrationLimits> => {
          await chassis.limits.change(limitsChange(request));
          return limits();
        },
      ),
      startPostcopy: unary((request: StartPostcopyRequest) => {
        migrations.startPostcopy(request.id as MigrationId);
        return find(request.id);
      }),
      recoverMigration: unary((request: RecoverMigrationRequest) => {
        migrations.recover(request.id as MigrationId);
        return find(request.id);
      }),
    },
  };
}

async function preflight(
  chassis: Chassis,
  migrations: Migrations,
  request: MigrateDomainRequest,
  call: Call,
) {
  const { offer, obstacles, warnings, plan, name } = await migrations.check(request, call, newMigrationId());
  if (obstacles.length > 0) throw blocked(name, obstacles);
  const answer: MigrationPreflight = {
    disks: offer.disks
      .filter((d) => d.copy)
      .map((d) => ({
        target: d.target,
        totalBytes: d.capacityBytes,
        copiedBytes: 0n,
        ready: false,
        destinationPath: d.destinationPath,
      })),
    memoryBytes: offer.memoryBytes,
    warnings: [...warnings],
  };
  return chassis.operations.finished(
    { id: plan.id, verb: "check-migration", uuid: plan.uuid, name, call },
    packAny("virtmesh.v1.MigrationPreflight", MigrationPreflight, answer),
  );
}

function migrationOf(state: OperationState, news: News): Migration {
  const { metadata, result } = state;
  return {
    id: state.id,
    domainUuid: metadata.domainUuid,
    domainName: metadata.domainName,
    sourceUri: metadata.uri,
    destinationUri: metadata.migration?.destinationUri ?? "",
    progress: news.progressOf(state.id) ?? metadata.migration,
    report: result?.$case === "response" ? MigrationReport.decode(result.value.value) : undefined,
    error: result?.$case === "error" ? result.value.message : "",
    startTime: metadata.startTime,
    endTime: result === undefined ? undefined : metadata.updateTime,
  };
}
