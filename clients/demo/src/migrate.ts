import { randomUUID } from "node:crypto";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  MigrateDomainRequest,
  type MigrationProgress,
  MigrationReport,
  MigrationServiceService,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationMetadata, OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { fromRpcStatus } from "@virtmesh/kit/status";
import type { MeshHost } from "@virtmesh/lab/launcher";
import type { RunningMesh } from "@virtmesh/lab/mesh";
import { disksOn, GUEST } from "./demo-guest.ts";

/** Moves the guest with its disks, live, and follows the operation to its end. Throws what it failed with. */
export async function migrate(
  mesh: RunningMesh,
  from: MeshHost,
  to: MeshHost,
  watch: (progress: MigrationProgress) => void,
  signal: AbortSignal,
): Promise<MigrationReport> {
  const there = disksOn(to);
  const request = MigrateDomainRequest.fromPartial({
    uri: from.uri,
    requestId: randomUUID(),
    domain: GUEST,
    destinationUri: to.uri,
    storage: MigrationStorage.MIGRATION_STORAGE_COPY,
    // Both hosts share this computer's file system, so the images need other paths there.
    disks: [
      { target: "vda", destinationPath: there.written },
      { target: "vdb", destinationPath: there.still },
    ],
  });
  const begun = await mesh.unary(MigrationServiceService.migrateDomain, request);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(180_000)]);
  const following = mesh.stream(
    OperationServiceService.watchOperation,
    { uri: from.uri, name: begun.name },
    limit,
  );
  for await (const operation of following) {
    const progress = progressOf(operation);
    if (progress) watch(progress);
    if (operation.done) return reportOf(operation);
  }
  throw new VirtError("PROTOCOL", `the operation ${begun.name} was not followed to its end`);
}

function progressOf(operation: Operation): MigrationProgress | undefined {
  return operation.metadata === undefined
    ? undefined
    : OperationMetadata.decode(operation.metadata.value).migration;
}

function reportOf(operation: Operation): MigrationReport {
  switch (operation.result?.$case) {
    case "response":
      return MigrationReport.decode(operation.result.value.value);
    case "error":
      throw fromRpcStatus(operation.result.value);
    case undefined:
      throw new VirtError("PROTOCOL", `the operation ${operation.name} is done without a result`);
  }
}
