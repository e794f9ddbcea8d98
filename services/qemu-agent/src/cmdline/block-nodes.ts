import type { Disk, DiskDriver } from "@virtmesh/documents/domain/devices/disk";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { formatNodeName, storageNodeName } from "./node-names.ts";

const FORMATS = new Set(["raw", "qcow2", "qed", "vmdk", "vdi", "vpc", "vhdx"]);

/** Whether a drive holds something when the guest starts: not when it is empty or its tray stands open. */
export function hasMedium(disk: Disk): boolean {
  return sourcePath(disk) !== undefined && disk.target.tray !== "open";
}

export function isReadOnly(disk: Disk): boolean {
  return disk.readonly === true || disk.device === "cdrom";
}

/** Whether the guest's own write cache is on: it sees that, and flushes when it is. */
export function writeCache(driver: DiskDriver | undefined): boolean {
  return driver?.cache !== "writethrough" && driver?.cache !== "directsync";
}

/**
 * The node that opens the file and the one above it that understands the format, for -blockdev or blockdev-add.
 * Image locking stays on, as QEMU does by itself: two QEMUs never write the same image.
 */
export function blockNodes(disk: Disk, path: string): readonly [storage: Json, format: Json] {
  const { driver, target } = disk;
  const format = driver?.type ?? "raw";
  if (!FORMATS.has(format))
    throw unsupported(`${path}/driver/@type`, `the image format ${format} is not supported`);
  const direct = driver?.cache === "none" || driver?.cache === "directsync";
  if (driver?.io === "native" && !direct) {
    throw unsupported(
      `${path}/driver/@io`,
      `io="native" of disk ${target.dev} needs cache="none" or cache="directsync"`,
    );
  }
  const cache =
    driver?.cache === undefined || driver.cache === "default"
      ? undefined
      : { direct, "no-flush": driver.cache === "unsafe" };
  const common = { "read-only": isReadOnly(disk), cache };
  const storage: Json = {
    driver: disk.type === "block" ? "host_device" : "file",
    filename: sourcePath(disk),
    "node-name": storageNodeName(target.dev),
    aio: driver?.io,
    // Requests to discard go down to the file; the node above decides whether the guest's do.
    discard: "unmap",
    ...(isReadOnly(disk) ? {} : { "auto-read-only": true }),
    ...common,
  };
  const backing = disk.backingStore?.type === "none" && format === "qcow2" ? { backing: null } : {};
  return [
    storage,
    {
      driver: format,
      "node-name": formatNodeName(target.dev),
      discard: driver?.discard,
      "detect-zeroes": detectZeroes(driver),
      "discard-no-unref": driver?.discardNoUnref,
      ...common,
      ...backing,
      file: storageNodeName(target.dev),
    },
  ];
}

/** QEMU refuses `unmap` unless discards are on too; then zeroes are written efficiently all the same. */
function detectZeroes(driver: DiskDriver | undefined): string | undefined {
  return driver?.detectZeroes === "unmap" && driver.discard !== "unmap" ? "on" : driver?.detectZeroes;
}
