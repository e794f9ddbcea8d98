import { randomUUID } from "node:crypto";

/** Msvm_VirtualHardDiskSettingData.Type and .Format */
export const DISK_TYPE = { fixed: 2, dynamic: 3, differencing: 4 } as const;
export const DISK_FORMAT = { vhd: 2, vhdx: 3 } as const;

/** What an image takes in which nothing was written yet. */
const EMPTY_BYTES = 4 * 1024 * 1024;

export interface Disk {
  readonly path: string;
  readonly id: string;
  readonly type: number;
  readonly format: number;
  readonly sizeBytes: number;
  readonly parentPath: string | undefined;
}

/** Who is told which image files there are. */
export interface DiskListener {
  put(disk: Disk): void;
  removed(path: string): void;
}

export function fileBytes({ type, sizeBytes }: Disk): number {
  return type === DISK_TYPE.fixed ? sizeBytes : EMPTY_BYTES;
}

/** The image files of the host, which are only remembered: nobody reads or writes what is in them. */
export class Disks {
  readonly #disks = new Map<string, Disk>();
  readonly #listener: DiskListener;

  constructor(listener: DiskListener) {
    this.#listener = listener;
  }

  find(path: string): Disk | undefined {
    return this.#disks.get(path.toLowerCase());
  }

  /** A disk and what it stands on, down to the last. */
  chain(path: string): readonly Disk[] {
    const disk = this.find(path);
    return disk === undefined
      ? []
      : [disk, ...(disk.parentPath === undefined ? [] : this.chain(disk.parentPath))];
  }

  put(disk: Omit<Disk, "id"> & { readonly id?: string }): void {
    const kept = { ...disk, id: disk.id ?? randomUUID().toUpperCase() };
    this.#disks.set(disk.path.toLowerCase(), kept);
    this.#listener.put(kept);
  }

  remove(path: string): void {
    this.#disks.delete(path.toLowerCase());
    this.#listener.removed(path);
  }
}
