import { randomUUID } from "node:crypto";
import {
  MigrateDomainRequest,
  MigrationServiceService,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { DISKS, GUEST, type Stage } from "./lab/stage.ts";

/** A migration comes to every place within this time, or something is wrong. */
const REACH_MS = 40_000;

/** Begins to move the guest with its disks to the other host; resolves with the id of the migration. */
export async function beginMigration(
  stage: Stage,
  change: Partial<MigrateDomainRequest> = {},
  places: readonly string[] = [],
): Promise<string> {
  await stage.points.holdAt(places, AbortSignal.timeout(REACH_MS));
  const { home, away } = stage;
  const operation = await stage.call(home, MigrationServiceService.migrateDomain, {
    ...MigrateDomainRequest.fromPartial({}),
    uri: home.uri,
    requestId: randomUUID(),
    domain: GUEST,
    destinationUri: away.uri,
    storage: MigrationStorage.MIGRATION_STORAGE_COPY,
    disks: DISKS.map((target) => ({
      target,
      destinationPath: stage.image(away, target),
      destinationFormat: "",
    })),
    ...change,
  });
  return operation.name.replace("operations/", "");
}

/** Waits until an agent is held at one of these places. */
export async function heldAt(stage: Stage, ...points: readonly string[]): Promise<void> {
  await stage.points.held(points, AbortSignal.timeout(REACH_MS));
}
