import { randomBytes, randomUUID } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DiskMoved, DiskMoveServiceService, MoveDiskRequest } from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { OperationMetadata } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { VirtError } from "@virtmesh/core/errors";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { verifyWritten } from "@virtmesh/lab/guest/verify";
import { Guests } from "./guests.ts";
import { BLOCK_BYTES, GUEST, MIB, type TwoHosts } from "./two-hosts.ts";

type Progress = NonNullable<OperationMetadata["disk"]>;

/** The first disk of the guest on the first host, which moves. */
export class MovingDisk {
  readonly #hosts: TwoHosts;
  readonly guests: Guests;

  constructor(hosts: TwoHosts) {
    this.#hosts = hosts;
    this.guests = new Guests(hosts.mesh, hosts.a.uri);
  }

  place(name: string): string {
    return join(this.#hosts.a.imageDir, name);
  }

  /** Gives a disk that the guest leaves alone content, which a copy is slowed down for: zeros cost it nothing. */
  async fill(target: string): Promise<void> {
    const image = await open(this.place(`${target}.raw`), "r+");
    try {
      const { size } = await image.stat();
      const block = randomBytes(MIB);
      for (let at = 0; at < size; at += MIB) await image.write(block, 0, MIB, at);
    } finally {
      await image.close();
    }
  }

  /** @returns the operation's name */
  async begin(path: string, change: Partial<MoveDiskRequest> = {}): Promise<string> {
    const request = { uri: this.#hosts.a.uri, requestId: randomUUID(), domain: GUEST, disk: "vda", path };
    const operation = await this.#hosts.mesh.unary(
      DiskMoveServiceService.moveDisk,
      MoveDiskRequest.fromPartial({ ...request, ...change }),
    );
    return operation.name;
  }

  async end(name: string): Promise<DiskMoved> {
    for await (const operation of this.#hosts.follow(name)) {
      if (operation.result?.$case === "error") throw fromRpcStatus(operation.result.value);
      if (operation.result?.$case === "response") return DiskMoved.decode(operation.result.value.value);
    }
    throw new Error(`the stream of ${name} ended before it did`);
  }

  /** How it failed. Fails itself when the disk was moved. */
  async failure(name: string): Promise<VirtError> {
    const outcome = await this.end(name).catch((e: unknown) => e);
    if (VirtError.is(outcome)) return outcome;
    throw outcome instanceof Error ? outcome : new Error("the disk was moved");
  }

  async comesTo(name: string, is: (disk: Progress) => boolean): Promise<void> {
    for await (const operation of this.#hosts.follow(name)) {
      const { disk } = metadataOf(operation);
      if (disk !== undefined && is(disk)) return;
      if (operation.done) throw new Error(`${name} was over before that`);
    }
  }

  /** Where the definitions say the disk is: what runs, and what is kept. */
  async definedAt(): Promise<readonly (string | undefined)[]> {
    return Promise.all(
      [false, true].map(async (inactive) => {
        const { xml } = await this.#hosts.mesh.unary(DomainServiceService.getDomainXml, {
          ...{ uri: this.#hosts.a.uri, domain: GUEST, inactive, secure: false, migratable: false },
        });
        return /<source file=["']([^"']+)["']/.exec(xml)?.[1];
      }),
    );
  }

  /** The guest runs, counts on, and has every block it wrote on that image; no job, record or other image is left. */
  async isAt(path: string, format: "raw" | "qcow2", images: readonly string[]): Promise<void> {
    await this.#hosts.stillCounts();
    await this.#isOnly(path, images);
    const { jobs } = await this.#hosts.mesh.unary(BlockJobServiceService.listBlockJobs, {
      ...{ uri: this.#hosts.a.uri, domain: GUEST },
    });
    expect(jobs).toEqual([]);
    await this.guests.suspend(GUEST);
    await this.#hasAllBlocks(path, format);
    await this.guests.resume(GUEST);
  }

  /** The same of a guest whose QEMU was killed. */
  async wasAt(path: string, format: "raw" | "qcow2", images: readonly string[]): Promise<void> {
    await this.#isOnly(path, images);
    await this.#hasAllBlocks(path, format);
  }

  async #hasAllBlocks(path: string, format: "raw" | "qcow2"): Promise<void> {
    const [atLeast = 0] = this.#hosts.beats.last?.finishedWrites ?? [];
    const plan = { writer: 0, blockBytes: BLOCK_BYTES, atLeast };
    expect((await verifyWritten({ path, format }, plan)).problems).toEqual([]);
  }

  async #isOnly(path: string, images: readonly string[]): Promise<void> {
    expect(await this.definedAt()).toEqual([path, path]);
    expect((await readdir(this.#hosts.a.imageDir)).toSorted()).toEqual([...images].toSorted());
    expect(await readdir(join(this.#hosts.a.stateDir, "disk-moves")).catch(() => [])).toEqual([]);
  }
}

function metadataOf(operation: Operation): OperationMetadata {
  if (operation.metadata === undefined) throw new Error(`${operation.name} has no metadata`);
  return OperationMetadata.decode(operation.metadata.value);
}
