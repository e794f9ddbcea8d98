import type { Disk, DiskDriver } from "@virtmesh/documents/domain/devices/disk";
import type { BackingStore, Image } from "@virtmesh/documents/domain/devices/storage-source";

/** One image of a disk: where its bytes are, and how they are to be understood. */
export interface ChainImage {
  readonly image: Image;
  /** Where it stands in the document. */
  readonly path: string;
  readonly format: string;
  readonly cacheSize?: bigint;
  readonly readOnly: boolean;
  /** Names of its two nodes. */
  readonly formatNode: string;
  readonly storageNode: string;
  readonly auth?: NonNullable<Image["source"]>["auth"];
  readonly encryption?: NonNullable<Image["source"]>["encryption"];
}

/** Of all images of one disk. */
export interface ChainOptions {
  readonly driver?: DiskDriver;
  readonly cdrom: boolean;
  readonly floppy: boolean;
}

/**
 * The images below a disk's own, from the top down. `ended` tells that nothing lies below the last one; otherwise
 * QEMU looks into the image.
 */
export function backingImages(
  disk: Disk,
  target: string,
  path: string,
): { readonly images: readonly ChainImage[]; readonly ended: boolean } {
  const images: ChainImage[] = [];
  let below: BackingStore | undefined = disk.backingStore;
  for (let n = 1; below !== undefined && below.type !== "none"; n += 1) {
    const { backingStore, index: _, ...image } = below;
    images.push({
      image,
      path: `${path}${"/backingStore".repeat(n)}`,
      format: image.format?.type ?? "raw",
      ...(image.format?.metadataCache?.maxSize === undefined
        ? {}
        : { cacheSize: image.format.metadataCache.maxSize }),
      readOnly: true,
      formatNode: `backing-${target}-${n}-format`,
      storageNode: `backing-${target}-${n}-storage`,
      ...(image.source?.auth === undefined ? {} : { auth: image.source.auth }),
      ...(image.source?.encryption === undefined ? {} : { encryption: image.source.encryption }),
    });
    below = backingStore;
  }
  return { images, ended: below?.type === "none" };
}
