import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { MethodDefinition } from "@grpc/grpc-js";
import {
  type Domain,
  DomainServiceService,
  DomainState,
  StartDomainRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { unaryCall } from "@virtmesh/kit/grpc-client";
import { Scope } from "@virtmesh/kit/scope";
import { errnoOf } from "@virtmesh/lab/errno";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { HeartbeatCollector } from "@virtmesh/lab/guest/heartbeat";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import type { Host } from "@virtmesh/lab/hosts";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import { FaultPointListener } from "./listener.ts";
import { Shim } from "./shim.ts";

export const MIB = 2 ** 20;
export const GUEST = "walker";
export const DISKS = ["vda", "vdb"] as const;
export const DISK_BYTES = 16 * MIB;
export const BLOCK_BYTES = 65_536;
/** The second half of the second disk is never touched by the guest: only a copy reads it. */
export const UNTOUCHED_FROM = 8 * MIB;

const BOOT_MS = 100_000;
/** Longer than anything here is held or paused at a place where nothing comes forward. */
const STALL = "10s";
const CALL_MS = 20_000;

/** A host of the stage, which is always one of network namespaces. */
export interface StageHost extends MeshHost {
  readonly namespace: Host;
}

/**
 * Two hosts in network namespaces, real NATS and a real gateway, and one guest that writes numbered blocks to two
 * disks, counts in memory and beats. The guest wanders: where it is at the end of one migration, the next begins.
 */
export class Stage implements AsyncDisposable {
  readonly mesh: RunningMesh;
  readonly points: FaultPointListener;
  readonly shim: Shim;
  readonly beats: HeartbeatCollector;
  readonly #scope: Scope;
  readonly uuid: string;
  #home: StageHost;

  private constructor(
    parts: {
      mesh: RunningMesh;
      points: FaultPointListener;
      shim: Shim;
      beats: HeartbeatCollector;
      uuid: string;
      home: StageHost;
    },
    scope: Scope,
  ) {
    this.mesh = parts.mesh;
    this.points = parts.points;
    this.shim = parts.shim;
    this.beats = parts.beats;
    this.uuid = parts.uuid;
    this.#home = parts.home;
    this.#scope = scope;
  }

  static async start(): Promise<Stage> {
    const scope = new Scope();
    try {
      const dir = await makeRunFolder("vmfaults");
      scope.defer(() => removeRunFolder(dir));
      const shim = await Shim.build(join(dir, "shim"));
      const points = scope.own(await FaultPointListener.listen(join(dir, "points.sock")));
      const mesh = scope.own(
        await startMesh({
          netns: true,
          dir,
          env: { ...shim.env, VIRTMESH_FAULT_POINTS: points.path },
          agentArguments: ["--qemu", shim.qemu, "--migration-stall", STALL],
        }),
      );
      const beats = scope.own(await HeartbeatCollector.listen(join(dir, "hb.sock")));
      const [home] = mesh.hosts;
      if (home?.namespace === undefined) throw new VirtError("HOST_SETUP", "the hosts have no namespaces");
      const uuid = randomUUID();
      const stage = new Stage({ mesh, points, shim, beats, uuid, home: home as StageHost }, scope);
      await stage.#bringGuest();
      return stage;
    } catch (e) {
      await scope[Symbol.asyncDispose]();
      throw e;
    }
  }

  /** Where the guest is. */
  get home(): StageHost {
    return this.#home;
  }

  /** Where it goes. */
  get away(): StageHost {
    const other = this.mesh.hosts.find((h) => h.name !== this.#home.name);
    if (other === undefined) throw new VirtError("HOST_SETUP", "the mesh has no second host");
    return other as StageHost;
  }

  get hosts(): readonly StageHost[] {
    return this.mesh.hosts as readonly StageHost[];
  }

  /** The guest is on this host now. What it left on the other is stale, and removed as an operator would. */
  async movedTo(host: StageHost): Promise<void> {
    this.#home = host;
    for (const disk of DISKS) await rm(this.image(this.away, disk), { force: true });
  }

  image(host: MeshHost, disk: string): string {
    return join(host.imageDir, `${disk}.raw`);
  }

  /** One call to an agent itself, over a connection of its own: what happened to an earlier one does not matter. */
  async call<Q, R>(
    host: MeshHost,
    method: MethodDefinition<Q, R>,
    request: Q,
    signal = AbortSignal.timeout(CALL_MS),
  ): Promise<R> {
    await using channel = await host.agent.connect();
    return await unaryCall(channel, method, request, { signal });
  }

  /** The guest as a host's agent sees it; undefined when it knows none. */
  async guestOn(host: MeshHost): Promise<Domain | undefined> {
    try {
      return await this.call(host, DomainServiceService.getDomain, { uri: host.uri, domain: this.uuid });
    } catch (e) {
      if (VirtError.is(e) && e.reason === "DOMAIN_NOT_FOUND") return undefined;
      throw e;
    }
  }

  /** Pids of the QEMUs of one host. */
  async hypervisors(host: MeshHost): Promise<readonly number[]> {
    const found: number[] = [];
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number)) {
      try {
        const words = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
        const isOurs = words.some((word) => word.includes(`${host.runDir}/`));
        if (basename(words[0] ?? "").startsWith("qemu-system-") && isOurs) found.push(pid);
      } catch (e) {
        // It ended in the meantime.
        if (errnoOf(e) !== "ENOENT" && errnoOf(e) !== "ESRCH") throw e;
      }
    }
    return found;
  }

  /** Whether the guest runs where it is. */
  async isUp(): Promise<boolean> {
    return (await this.guestOn(this.home))?.state === DomainState.DOMAIN_STATE_RUNNING;
  }

  /** Boots the guest again where it is, after it was killed; its disks are as they were. */
  async boot(): Promise<void> {
    await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #bringGuest(): Promise<void> {
    const { home } = this;
    // Watched before the first migration makes it.
    for (const host of this.hosts) await mkdir(join(host.stateDir, "migrations"), { recursive: true });
    for (const disk of DISKS) {
      await rm(this.image(home, disk), { force: true });
      await writeFile(this.image(home, disk), "");
      await truncate(this.image(home, disk), DISK_BYTES);
    }
    const xml = testGuestXml({
      name: GUEST,
      uuid: this.uuid,
      image: await buildGuest(),
      memoryMiB: 112,
      disks: DISKS.map((disk) => ({ path: this.image(home, disk) })),
      heartbeat: { socket: join(this.mesh.dir, "hb.sock") },
      writers: [
        { disk: "vda", blockBytes: BLOCK_BYTES },
        { disk: "vdb", blockBytes: BLOCK_BYTES, spanBytes: UNTOUCHED_FROM },
      ],
      memoryCounter: { mib: 8, periodUs: 2_000 },
    });
    await this.call(home, DomainServiceService.defineDomain, {
      ...{ uri: home.uri, requestId: randomUUID(), xml, validateOnly: false, etag: "" },
    });
    await this.#start();
  }

  async #start(): Promise<void> {
    const { home } = this;
    const request = StartDomainRequest.fromPartial({
      ...{ uri: home.uri, requestId: randomUUID(), domain: this.uuid },
    });
    // A guest that was booted anew counts from nothing: what went before is not gone back on.
    const up = this.beats.next(
      ({ sequence, finishedWrites }) => sequence < 10_000 && (finishedWrites[1] ?? 0) > 20,
      AbortSignal.timeout(BOOT_MS),
    );
    await this.call(home, DomainServiceService.startDomain, request);
    await up;
    this.beats.restart();
  }
}
