import type { Disk, DiskDriver } from "@virtmesh/documents/domain/devices/disk";
import type { Json } from "../arguments.ts";
import { unsupported } from "../arguments.ts";
import type { DeviceContext } from "../context.ts";
import { formatNodeName, storageNodeName } from "../node-names.ts";
import type { DeviceParts } from "../parts.ts";
import { joinParts } from "../parts.ts";
import type { ChainImage } from "./chain.ts";
import { backingImages } from "./chain.ts";
import { imageNodes } from "./nodes.ts";

/** Whether a drive holds something when the guest starts. */
export function hasMedium(disk: Disk): boolean {
  if (disk.source === undefined) return false;
  return disk.type !== "file" || disk.source.file !== undefined || disk.source.fdgroup !== undefined;
}

export function isReadOnly(disk: Disk): boolean {
  return disk.readonly === true || disk.device === "cdrom";
}

/** Whether the guest's own write cache is on: it sees that, and flushes when it is. */
export function writeCache(disk: Disk): boolean {
  const cache = cacheMode(disk);
  return cache !== "writethrough" && cache !== "directsync";
}

/**
 * How the host caches the disk, where the definition or its meaning says so: what several guests write at once
 * must not be kept by one of them.
 */
export function cacheMode({ driver, shareable, readonly }: Disk): DiskDriver["cache"] {
  const { cache = "default" } = driver ?? {};
  return cache === "default" && shareable === true && readonly !== true ? "none" : cache;
}

/** The node that the disk's device uses. */
export function driveNode({ runtime }: DeviceContext, { driver, target }: Disk): string {
  return driver?.copyOnRead === true
    ? copyOnReadNode(target.dev)
    : formatNodeName(target.dev, runtime.secondNodes.has(target.dev));
}

function copyOnReadNode(target: string): string {
  return `disk-${target}-copy-on-read`;
}

/** The nodes of all images of a disk, the lowest first. */
export function diskBlockParts(c: DeviceContext, disk: Disk, path: string): DeviceParts {
  const { driver, target, device } = disk;
  if (driver?.io === "native" && driver.cache !== "none" && driver.cache !== "directsync") {
    throw unsupported(
      `${path}/driver/@io`,
      `io="native" of disk ${target.dev} needs cache="none" or cache="directsync"`,
    );
  }
  const cache = cacheMode(disk);
  const options = {
    driver: { ...driver, ...(cache === undefined ? {} : { cache }) },
    cdrom: device === "cdrom",
    floppy: device === "floppy",
  };
  const top = topImage(c, disk, path);
  const { images, ended } = backingImages(disk, target.dev, path);
  let below: string | null | undefined = ended ? null : undefined;
  const parts: DeviceParts[] = [];
  for (const image of [top, ...images].toReversed()) {
    parts.push(imageNodes(c, image, options, below));
    below = image.formatNode;
  }
  if (driver?.copyOnRead === true) parts.push({ blockdevs: [copyOnRead(target.dev)] });
  return joinParts(reservationHelper(disk), ...parts);
}

function topImage({ runtime }: DeviceContext, disk: Disk, path: string): ChainImage {
  const { driver, target } = disk;
  const second = runtime.secondNodes.has(target.dev);
  const auth = disk.source?.auth ?? disk.auth;
  const encryption = disk.source?.encryption ?? disk.encryption;
  return {
    image: disk,
    path,
    format: driver?.type ?? "raw",
    ...(driver?.metadataCache?.maxSize === undefined ? {} : { cacheSize: driver.metadataCache.maxSize }),
    readOnly: isReadOnly(disk),
    formatNode: formatNodeName(target.dev, second),
    storageNode: storageNodeName(target.dev, second),
    ...(auth === undefined ? {} : { auth }),
    ...(encryption === undefined ? {} : { encryption }),
  };
}

function copyOnRead(target: string): Json {
  return {
    driver: "copy-on-read",
    "node-name": copyOnReadNode(target),
    file: formatNodeName(target),
    discard: "unmap",
  };
}

/** The helper through which this disk reserves its unit, where the disk has one of its own. */
function reservationHelper({ source, target }: Disk): DeviceParts {
  const reservations = source?.reservations;
  if (reservations === undefined || reservations.managed === true || reservations.source?.path === undefined)
    return {};
  return {
    objects: [
      {
        "qom-type": "pr-manager-helper",
        id: `pr-${storageNodeName(target.dev)}`,
        path: reservations.source.path,
      },
    ],
  };
}
