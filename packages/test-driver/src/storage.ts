import type { Call } from "@virtmesh/core/call";
import type {
  PoolInfo,
  StorageFacet,
  VolumeContent,
  VolumeInfo,
  VolumeRange,
  VolumeRequest,
} from "@virtmesh/core/driver/storage";
import { VirtError } from "@virtmesh/core/errors";
import { disksOf } from "./definition.ts";
import { currentDefinition } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** What all volumes together may take, and how much of it may really be kept in memory. */
const POOL_BYTES = 100n << 30n;
const KEPT_BYTES = 256n << 20n;
const PIECE_BYTES = 64 * 1024;
const FORMATS = ["raw", "qcow2"];

const POOL = { name: "default-pool", uuid: "dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566", path: "/default-pool" };

interface Volume {
  readonly format: string;
  readonly capacityBytes: bigint;
  readonly allocationBytes: bigint;
  /** What was written; all behind it is zeros. */
  readonly content: Buffer;
  readonly modifyTimeMs: number;
}

/** The one pool of a test host, in memory: volumes have the bytes that were uploaded, and zeros else. */
export class TestStorage implements StorageFacet {
  readonly #hypervisor: Hypervisor;
  readonly #volumes = new Map<string, Volume>();

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor;
  }

  async pools(): Promise<readonly PoolInfo[]> {
    const allocationBytes = this.#allocationBytes;
    const size = { capacityBytes: POOL_BYTES, allocationBytes, availableBytes: POOL_BYTES - allocationBytes };
    return [{ ...POOL, type: "dir", state: "running", ...size }];
  }

  async volumes(): Promise<readonly VolumeInfo[]> {
    return [...this.#volumes].map(([name, volume]) => infoOf(name, volume));
  }

  async volume(_pool: string, ref: string): Promise<VolumeInfo> {
    const name = nameOf(ref);
    return infoOf(name, this.#find(name));
  }

  /** The text of a volume. @throws FILE_NOT_FOUND */
  textAt(path: string): string {
    const found = this.#volumes.get(nameOf(path));
    if (found !== undefined) return found.content.toString();
    throw new VirtError("FILE_NOT_FOUND", `pool "${POOL.name}" has no file ${path}`, {
      resource: { type: "file", name: path },
    });
  }

  async create(_pool: string, request: VolumeRequest): Promise<VolumeInfo> {
    const { name, capacityBytes, allocationBytes, format: asked } = request;
    if (this.#volumes.has(name))
      throw new VirtError("VOLUME_EXISTS", `pool "${POOL.name}" has a volume "${name}" already`, {
        resource: { type: "volume", name },
      });
    const format = asked || "raw";
    if (!FORMATS.includes(format))
      throw new VirtError(
        "INVALID_FIELD",
        `the test host has no volumes of the format "${format}", only ${FORMATS.join(" and ")}`,
        { violations: [{ field: "format", description: "is not known" }] },
      );
    this.#checkRoom(allocationBytes);
    return this.#keep(name, { format, capacityBytes, allocationBytes, content: Buffer.alloc(0) });
  }

  async resize(_pool: string, name: string, capacityBytes: bigint): Promise<VolumeInfo> {
    const volume = this.#find(name);
    this.#checkFree(name);
    const { length } = volume.content;
    const content = volume.content.subarray(0, Number(smaller(BigInt(length), capacityBytes)));
    const allocationBytes = smaller(volume.allocationBytes, capacityBytes);
    return this.#keep(name, { format: volume.format, capacityBytes, allocationBytes, content });
  }

  async delete(_pool: string, name: string): Promise<void> {
    this.#find(name);
    this.#checkFree(name);
    this.#volumes.delete(name);
  }

  async upload(
    _pool: string,
    name: string,
    { offset }: VolumeRange,
    data: AsyncIterable<Uint8Array>,
    c: Call,
  ): Promise<VolumeInfo> {
    const before = offset === 0n ? this.#volumes.get(name) : this.#find(name);
    if (before !== undefined) this.#checkFree(name);
    const chunks: Uint8Array[] = [];
    let bytes = 0n;
    for await (const chunk of data) {
      c.signal.throwIfAborted();
      bytes += BigInt(chunk.length);
      if (offset + bytes > KEPT_BYTES)
        throw new VirtError("NO_SPACE", `the test host keeps at most ${KEPT_BYTES} bytes of a volume`);
      chunks.push(chunk);
    }
    const uploaded = Buffer.concat(chunks);
    if (before === undefined || offset === 0n) {
      this.#checkRoom(bytes);
      const format = before?.format ?? "raw";
      return this.#keep(name, { format, capacityBytes: bytes, allocationBytes: bytes, content: uploaded });
    }
    if (offset + bytes > before.capacityBytes) throw outside(name, before.capacityBytes, "offset");
    const end = Number(offset) + uploaded.length;
    const content = Buffer.alloc(Math.max(before.content.length, end));
    before.content.copy(content);
    uploaded.copy(content, Number(offset));
    const allocationBytes = larger(before.allocationBytes, BigInt(content.length));
    return this.#keep(name, { ...before, allocationBytes, content });
  }

  async download(_pool: string, name: string, range: VolumeRange): Promise<VolumeContent> {
    const { capacityBytes, content } = this.#find(name);
    const { offset, lengthBytes = capacityBytes - offset } = range;
    if (offset + lengthBytes > capacityBytes || lengthBytes < 0n)
      throw outside(name, capacityBytes, "offset");
    return { lengthBytes, data: bytesOf(content, offset, lengthBytes), async [Symbol.asyncDispose]() {} };
  }

  get #allocationBytes(): bigint {
    return [...this.#volumes.values()].reduce((sum, volume) => sum + volume.allocationBytes, 0n);
  }

  #keep(name: string, volume: Omit<Volume, "modifyTimeMs">): VolumeInfo {
    const kept = { ...volume, modifyTimeMs: Date.now() };
    this.#volumes.set(name, kept);
    return infoOf(name, kept);
  }

  #find(name: string): Volume {
    const found = this.#volumes.get(name);
    if (found !== undefined) return found;
    throw new VirtError("VOLUME_NOT_FOUND", `pool "${POOL.name}" has no volume "${name}"`, {
      resource: { type: "volume", name },
    });
  }

  /** @throws DISK_IN_USE when a guest that runs has it. */
  #checkFree(name: string): void {
    const path = pathOf(name);
    const user = this.#hypervisor
      .list()
      .filter((guest) => guest.instance !== undefined)
      .find((guest) => disksOf(currentDefinition(guest).model).some((disk) => disk.source === path));
    if (user === undefined) return;
    throw new VirtError("DISK_IN_USE", `volume "${name}" is a disk of guest "${user.name}", which runs`, {
      resource: { type: "volume", name },
    });
  }

  #checkRoom(bytes: bigint): void {
    if (this.#allocationBytes + bytes <= POOL_BYTES) return;
    throw new VirtError("NO_SPACE", `pool "${POOL.name}" has no room for ${bytes} bytes more`);
  }
}

function nameOf(ref: string): string {
  return ref.startsWith(`${POOL.path}/`) ? ref.slice(POOL.path.length + 1) : ref;
}

function pathOf(name: string): string {
  return `${POOL.path}/${name}`;
}

function infoOf(name: string, volume: Volume): VolumeInfo {
  const { content: _, ...facts } = volume;
  return { ...facts, name, path: pathOf(name), key: pathOf(name) };
}

function outside(name: string, capacityBytes: bigint, field: string): VirtError {
  return new VirtError(
    "INVALID_FIELD",
    `volume "${name}" has ${capacityBytes} bytes, the part that is asked for reaches behind its end`,
    { violations: [{ field, description: "reaches behind the end of the volume" }] },
  );
}

async function* bytesOf(content: Buffer, offset: bigint, lengthBytes: bigint): AsyncGenerator<Uint8Array> {
  const end = offset + lengthBytes;
  for (let at = offset; at < end; at += BigInt(PIECE_BYTES)) {
    const piece = Buffer.alloc(Number(smaller(BigInt(PIECE_BYTES), end - at)));
    if (at < BigInt(content.length)) content.copy(piece, 0, Number(at));
    yield piece;
  }
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
