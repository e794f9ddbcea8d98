import type { Call } from "../call.ts";

/** In libvirt's words. */
export type PoolState = "inactive" | "building" | "running" | "degraded" | "inaccessible";

/** A place where disks lie. */
export interface PoolInfo {
  readonly uuid: string;
  readonly name: string;
  /** In libvirt's words: `dir`, `netfs`, `vmfs`, ... */
  readonly type: string;
  readonly state: PoolState;
  readonly capacityBytes: bigint;
  readonly allocationBytes: bigint;
  readonly availableBytes: bigint;
  /** Where its host has it. */
  readonly path: string;
}

/** One file in a pool. */
export interface VolumeInfo {
  /** Unique in its pool; may have folders in it, with `/` between. */
  readonly name: string;
  /** What a disk's `<source>` says to have it. */
  readonly path: string;
  /** Unique on its host. */
  readonly key: string;
  /** Empty for a file that is no image. */
  readonly format: string;
  /** What a guest sees; of a file that is no image, its length. */
  readonly capacityBytes: bigint;
  readonly allocationBytes: bigint;
  /** Milliseconds since the epoch; 0 when nobody knows. */
  readonly modifyTimeMs: number;
}

export interface VolumeRequest {
  /** The chassis has checked that it cannot lead out of the pool. */
  readonly name: string;
  readonly capacityBytes: bigint;
  /** Empty: what the hypervisor's disks usually are. */
  readonly format: string;
  /** At most the capacity; 0: as little as possible. */
  readonly allocationBytes: bigint;
}

/** A part of what a volume holds. */
export interface VolumeRange {
  readonly offset: bigint;
  /** undefined: all behind `offset`; of an upload: not known yet. */
  readonly lengthBytes: bigint | undefined;
}

/** What a volume holds, on its way out. Whoever does not read it to its end must dispose it. */
export interface VolumeContent extends AsyncDisposable {
  readonly lengthBytes: bigint;
  /** Read only as fast as it is taken. */
  readonly data: AsyncIterable<Uint8Array>;
}

/**
 * Pools and their volumes. `pool` is always the name of one that `pools` gave. A method that is aborted or throws leaves no
 * half of a volume behind.
 */
export interface StorageFacet {
  pools(c: Call): Promise<readonly PoolInfo[]>;
  volumes(pool: string, c: Call): Promise<readonly VolumeInfo[]>;
  /** By name or path. @throws VOLUME_NOT_FOUND */
  volume(pool: string, ref: string, c: Call): Promise<VolumeInfo>;
  /** @throws VOLUME_EXISTS, NO_SPACE, INVALID_FIELD for a format that there is not */
  create?(pool: string, request: VolumeRequest, c: Call): Promise<VolumeInfo>;
  /** The chassis has checked that a smaller capacity is wanted. @throws VOLUME_NOT_FOUND, DISK_IN_USE, NO_SPACE */
  resize?(pool: string, name: string, capacityBytes: bigint, c: Call): Promise<VolumeInfo>;
  /** @throws VOLUME_NOT_FOUND, DISK_IN_USE */
  delete?(pool: string, name: string, c: Call): Promise<void>;
  /**
   * Stores all of `data`, which throws when it breaks or is not as long as was said; resolves when it is stored. A volume
   * that was made by it, or replaced as a whole, is as it was before when this throws. @throws NO_SPACE, DISK_IN_USE
   */
  upload?(
    pool: string,
    name: string,
    range: VolumeRange,
    data: AsyncIterable<Uint8Array>,
    c: Call,
  ): Promise<VolumeInfo>;
  /** @throws VOLUME_NOT_FOUND, INVALID_FIELD for a part that is not there */
  download?(pool: string, name: string, range: VolumeRange, c: Call): Promise<VolumeContent>;
}
