import { randomUUID } from "node:crypto";
import { readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { type Domain, DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MigrateDomainRequest,
  type MigrationDisk,
  type MigrationPhase,
  type MigrationProgress,
  MigrationReport,
  MigrationServiceService,
  MigrationStorage,
  type MigrationTuning,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationMetadata, OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { HeartbeatCollector } from "@virtmesh/lab/guest/heartbeat";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { hypervisorPid } from "./guests.ts";
import { type MeshOptions, type RunningMesh, startMesh } from "@virtmesh/lab/mesh";

export const MIB = 2 ** 20;
/** Long enough for a slow machine; what hangs fails by it. */
export const PATIENCE_MS = 110_000;
const TIDY_MS = 30_000;
export const GUEST = "mover";
export const BLOCK_BYTES = 65_536;

/** Limits in bytes a second; 0 means none. */
export function tuning(limits: {
  readonly disk?: number;
  readonly memory?: number;
  readonly downtimeMs?: number;
}): MigrationTuning {
  return {
    diskBandwidthBytesPerSecond: BigInt(limits.disk ?? 0),
    memoryBandwidthBytesPerSecond: BigInt(limits.memory ?? 0),
    maxDowntime:
      limits.downtimeMs === undefined ? undefined : { seconds: 0n, nanos: limits.downtimeMs * 1_000_000 },
  };
}

export function diskTo(target: string, destinationPath: string): MigrationDisk {
  return { target, destinationPath, destinationFormat: "" };
}

/** A mesh of two hosts in network namespaces, with a guest on the first that beats, counts and writes. */
export class TwoHosts implements AsyncDisposable {
  readonly mesh: RunningMesh;
  readonly beats: HeartbeatCollector;
  readonly a: MeshHost;
  readonly b: MeshHost;

  private constructor(mesh: RunningMesh, beats: HeartbeatCollector, a: MeshHost, b: MeshHost) {
    this.mesh = mesh;
    this.beats = beats;
    this.a = a;
    this.b = b;
  }

  /** In network namespaces, unless told otherwise. */
  static async start(options: MeshOptions = {}): Promise<TwoHosts> {
    const mesh = await startMesh({ netns: true, ...options });
    const [a, b] = mesh.hosts;
    if (a === undefined || b === undefined) throw new Error("the mesh has no two hosts");
    return new TwoHosts(mesh, await HeartbeatCollector.listen(join(mesh.dir, "hb.sock")), a, b);
  }

  image(host: MeshHost, disk: string): string {
    return join(host.imageDir, `${disk}.raw`);
  }

  /** Defines and starts it on the first host, with two disks of which the first is written all the time. */
  async startGuest(options: { readonly diskMib?: number; readonly name?: string } = {}): Promise<Domain> {
    const bytes = (options.diskMib ?? 32) * MIB;
    for (const disk of ["vda", "vdb"]) {
      await writeFile(this.image(this.a, disk), "");
      await truncate(this.image(this.a, disk), bytes);
    }
    const xml = testGuestXml({
      name: options.name ?? GUEST,
      image: await buildGuest(),
      disks: [{ path: this.image(this.a, "vda") }, { path: this.image(this.a, "vdb") }],
      heartbeat: { socket: join(this.mesh.dir, "hb.sock") },
      writers: [{ disk: "vda", blockBytes: BLOCK_BYTES }],
      memoryCounter: { mib: 8, periodUs: 2_000 },
    });
    const up = this.beats.next(
      (beat) => (beat.finishedWrites[0] ?? 0) > 20,
      AbortSignal.timeout(PATIENCE_MS),
    );
    const defined = await this.mesh.unary(DomainServiceService.defineDomain, {
      uri: this.a.uri,
      requestId: randomUUID(),
      xml,
      validateOnly: false,
      etag: "",
    });
    await this.mesh.unary(DomainServiceService.startDomain, {
      uri: this.a.uri,
      requestId: randomUUID(),
      domain: defined.uuid,
      paused: false,
      forceBoot: false,
    });
    await up;
    return defined;
  }

  /** Begins a migration to the second host with copied disks, unless told otherwise; resolves with the operation's name. */
  async begin(change: Partial<MigrateDomainRequest> = {}): Promise<string> {
    const request: MigrateDomainRequest = {
      ...MigrateDomainRequest.fromPartial({}),
      uri: this.a.uri,
      requestId: randomUUID(),
      domain: GUEST,
      destinationUri: this.b.uri,
      storage: MigrationStorage.MIGRATION_STORAGE_COPY,
      disks: ["vda", "vdb"].map((target) => diskTo(target, this.image(this.b, target))),
      ...change,
    };
    return (await this.mesh.unary(MigrationServiceService.migrateDomain, request)).name;
  }

  /** Follows it to its end. @returns the report; throws what it failed with. */
  async end(
    name: string,
    watch: (progress: MigrationProgress) => void = () => undefined,
    uri = this.a.uri,
  ): Promise<MigrationReport> {
    for await (const operation of this.follow(name, uri)) {
      const progress = progressOf(operation);
      if (progress !== undefined) watch(progress);
      if (operation.done) return reportOf(operation);
    }
    throw new Error(`the stream of ${name} ended before it did`);
  }

  /** How it failed. Fails itself when the guest was moved. */
  async failure(name: string): Promise<VirtError> {
    const outcome = await this.end(name).catch((e: unknown) => e);
    if (VirtError.is(outcome)) return outcome;
    throw outcome instanceof Error ? outcome : new Error("the guest was moved");
  }

  /** Waits until it has come to a phase, or past it. */
  async reaches(name: string, phase: MigrationPhase): Promise<void> {
    for await (const operation of this.follow(name)) {
      if ((progressOf(operation)?.phase ?? 0) >= phase) return;
      if (operation.done) throw new Error(`${name} was over before it came to phase ${phase}`);
    }
  }

  /** Waits until bytes of some disk have come across. */
  async copies(name: string): Promise<void> {
    for await (const operation of this.follow(name)) {
      if (progressOf(operation)?.disks.some((d) => d.copiedBytes > 0n) === true) return;
      if (operation.done) throw new Error(`${name} was over before it copied anything`);
    }
  }

  follow(name: string, uri = this.a.uri): AsyncGenerator<Operation, void> {
    return this.mesh.stream(
      OperationServiceService.watchOperation,
      { uri, name },
      AbortSignal.timeout(PATIENCE_MS),
    );
  }

  async cancel(name: string): Promise<void> {
    await this.mesh.unary(OperationServiceService.cancelOperation, { uri: this.a.uri, name });
  }

  async domain(host: MeshHost, domain = GUEST): Promise<Domain> {
    return await this.mesh.unary(DomainServiceService.getDomain, { uri: host.uri, domain });
  }

  async names(host: MeshHost): Promise<readonly string[]> {
    const { domains } = await this.mesh.unary(DomainServiceService.listDomains, {
      uri: host.uri,
      pageSize: 0,
      pageToken: "",
      filter: "",
      orderBy: "",
    });
    return domains.map((d) => d.name);
  }

  /** The guest still beats, and its count has never gone back: no old copy of it runs. */
  async stillCounts(): Promise<void> {
    const last = this.beats.last?.sequence ?? 0;
    await this.beats.next((beat) => beat.sequence > last + 40, AbortSignal.timeout(PATIENCE_MS));
    expect(this.beats.report()).toMatchObject({ wentBack: 0 });
    expect(this.beats.last?.wrongPages).toBe(0);
  }

  /** The guest runs on the first host as if nothing had happened, and nothing is left on the second. */
  async stayed(): Promise<void> {
    await this.stillCounts();
    expect((await this.domain(this.a)).state).toBe(DomainState.DOMAIN_STATE_RUNNING);
    const { jobs } = await this.mesh.unary(BlockJobServiceService.listBlockJobs, {
      uri: this.a.uri,
      domain: GUEST,
    });
    expect(jobs).toEqual([]);
    await isEmptied(async () => [
      ...(await this.names(this.b)),
      ...(await readdir(this.b.imageDir)),
      ...(await hypervisorsIn(this.b.runDir)),
    ]);
  }

  async suspend(host: MeshHost): Promise<void> {
    await this.mesh.unary(DomainServiceService.suspendDomain, {
      uri: host.uri,
      requestId: randomUUID(),
      domain: GUEST,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh[Symbol.asyncDispose]();
    await this.beats[Symbol.asyncDispose]();
  }
}

/** Nothing is left there, in a while: a host that has lost its peer tidies up by itself. */
export async function isEmptied(left: () => Promise<readonly string[]>): Promise<void> {
  const until = performance.now() + TIDY_MS;
  while ((await left()).length > 0 && performance.now() < until) await delay(50);
  expect(await left()).toEqual([]);
}

/** Directories of running guests below a run directory. */
async function hypervisorsIn(runDir: string): Promise<readonly string[]> {
  const names = await readdir(join(runDir, "qemu"), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith("qmp.sock"));
}

/** Pid of the only guest's QEMU on a host. */
export async function hypervisorOf(host: MeshHost): Promise<number> {
  const [uuid] = (await readdir(join(host.runDir, "qemu"))).filter((name) => /^[0-9a-f-]{36}$/.test(name));
  if (uuid === undefined) throw new Error(`no guest runs on ${host.name}`);
  return await hypervisorPid(host, uuid);
}

export function progressOf(operation: Operation): MigrationProgress | undefined {
  return operation.metadata === undefined
    ? undefined
    : OperationMetadata.decode(operation.metadata.value).migration;
}

export function reportOf(operation: Operation): MigrationReport {
  switch (operation.result?.$case) {
    case "response":
      return MigrationReport.decode(operation.result.value.value);
    case "error":
      throw fromRpcStatus(operation.result.value);
    case undefined:
      throw new Error(`${operation.name} is done without a result`);
  }
}
