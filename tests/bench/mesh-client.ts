import { randomUUID } from "node:crypto";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MigrateDomainRequest,
  type MigrationPhase,
  MigrationReport,
  MigrationServiceService,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationMetadata, OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import type { MeshHost } from "@virtmesh/lab/launcher";
import type { RunningMesh } from "@virtmesh/lab/mesh";
import { guestOf, type Run } from "./migration/scene.ts";

const MIGRATION_MS = 120_000;

/** How a migration ended, by `performance.now()`. */
export interface Ending {
  readonly began: number;
  readonly ended: number;
  readonly outcome: MigrationReport | VirtError;
}

/** A user of a mesh with two hosts, whose every call goes through the gateway. */
export class MeshClient {
  readonly mesh: RunningMesh;
  readonly a: MeshHost;
  readonly b: MeshHost;

  constructor(mesh: RunningMesh) {
    const [a, b] = mesh.hosts;
    if (a === undefined || b === undefined) throw new VirtError("HOST_SETUP", "the mesh has no two hosts");
    this.mesh = mesh;
    this.a = a;
    this.b = b;
  }

  /** Defines the guest of a run on the first host and starts it. */
  async start(run: Run): Promise<void> {
    const { uuid } = await this.mesh.unary(DomainServiceService.defineDomain, {
      uri: this.a.uri,
      requestId: randomUUID(),
      xml: testGuestXml(guestOf(run, "source")),
      validateOnly: false,
      etag: "",
    });
    const request = {
      uri: this.a.uri,
      requestId: randomUUID(),
      domain: uuid,
      paused: false,
      forceBoot: false,
    };
    await this.mesh.unary(DomainServiceService.startDomain, request);
  }

  /** From the call to the end of its operation; `watch` hears each phase. */
  async migrate(
    run: Run,
    change: Partial<MigrateDomainRequest>,
    watch: (phase: MigrationPhase) => void = () => undefined,
  ): Promise<Ending> {
    const began = performance.now();
    const { name } = await this.mesh.unary(MigrationServiceService.migrateDomain, {
      ...MigrateDomainRequest.fromPartial({}),
      uri: this.a.uri,
      requestId: randomUUID(),
      domain: run.uuid,
      destinationUri: this.b.uri,
      storage: MigrationStorage.MIGRATION_STORAGE_COPY,
      disks: run.disks.map((disk, i) => ({
        target: `vd${String.fromCharCode(97 + i)}`,
        destinationPath: disk.destination,
        destinationFormat: "",
      })),
      ...change,
    });
    const limit = AbortSignal.timeout(MIGRATION_MS);
    const news = this.mesh.stream(OperationServiceService.watchOperation, { uri: this.a.uri, name }, limit);
    for await (const operation of news) {
      const { migration } = OperationMetadata.decode(operation.metadata?.value ?? new Uint8Array());
      if (migration) watch(migration.phase);
      if (operation.done) return { began, ended: performance.now(), outcome: outcomeOf(operation) };
    }
    throw new VirtError("INTERNAL", `the stream of ${name} ended before its operation did`);
  }

  /** Whether the guest runs on the first host with no job left. */
  async isSafe(run: Run): Promise<boolean> {
    const asked = { uri: this.a.uri, domain: run.uuid };
    const { state } = await this.mesh.unary(DomainServiceService.getDomain, asked);
    const { jobs } = await this.mesh.unary(BlockJobServiceService.listBlockJobs, asked);
    return state === DomainState.DOMAIN_STATE_RUNNING && jobs.length === 0;
  }

  /** Removes what is left of the guest on either host. */
  async remove(run: Run): Promise<void> {
    for (const { uri } of [this.a, this.b]) {
      const asked = { uri, domain: run.uuid };
      const change = { ...asked, requestId: randomUUID() };
      try {
        const { state, persistent } = await this.mesh.unary(DomainServiceService.getDomain, asked);
        if (state !== DomainState.DOMAIN_STATE_SHUTOFF)
          await this.mesh.unary(DomainServiceService.destroyDomain, change);
        if (persistent)
          await this.mesh.unary(DomainServiceService.undefineDomain, {
            ...change,
            requestId: randomUUID(),
            etag: "",
            managedSave: false,
          });
      } catch (e) {
        if (!VirtError.is(e) || e.reason !== "DOMAIN_NOT_FOUND") throw e;
      }
    }
  }
}

function outcomeOf(operation: Operation): MigrationReport | VirtError {
  switch (operation.result?.$case) {
    case "response":
      return MigrationReport.decode(operation.result.value.value);
    case "error":
      return fromRpcStatus(operation.result.value);
    case undefined:
      return new VirtError("INTERNAL", `${operation.name} is done without a result`);
  }
}
