import { open, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { messageOf, type Reason, systemCode, VirtError } from "@virtmesh/core/errors";
import { type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";

/** Paths of a guest's images by target, without empty drives. */
export function diskPaths(
  definition: IdentifiedDomain,
): { readonly target: string; readonly path: string }[] {
  return definition.devices.disks.flatMap((disk) => {
    const path = sourcePath(disk);
    return path === undefined ? [] : [{ target: disk.target.dev, path }];
  });
}

/** What a path is used for by the guests that run on this host. */
export interface ImageUser {
  readonly guest: string;
  readonly path: string;
  readonly writes: boolean;
  readonly shareable: boolean;
}

export function imageUsers(definition: IdentifiedDomain): ImageUser[] {
  return definition.devices.disks.flatMap((disk) => {
    const path = sourcePath(disk);
    if (path === undefined) return [];
    const writes = disk.readonly !== true && disk.device !== "cdrom";
    return [{ guest: definition.name, path, writes, shareable: disk.shareable === true }];
  });
}

/**
 * Checks the images of a guest before QEMU is started, so that the error names the disk.
 * @throws FILE_NOT_FOUND, CONFIG_UNSUPPORTED, DISK_IN_USE, HOST_SETUP
 */
export async function checkDisks(definition: IdentifiedDomain, others: readonly ImageUser[]): Promise<void> {
  await Promise.all(definition.devices.disks.map((disk) => checkDisk(definition.name, disk, others)));
}

async function checkDisk(guest: string, disk: Disk, others: readonly ImageUser[]): Promise<void> {
  const path = sourcePath(disk);
  if (path === undefined) return;
  const fail = (reason: Reason, what: string, cause?: unknown): VirtError =>
    new VirtError(
      reason,
      `disk ${disk.target.dev} of guest "${guest}": ${path} ${what}`,
      { metadata: { disk: disk.target.dev, path }, resource: { type: "domain", name: guest } },
      { cause },
    );
  const found = await stat(path).catch((e: unknown): never => {
    throw systemCode(e) === "ENOENT"
      ? fail("FILE_NOT_FOUND", "does not exist; make the image or correct the path", e)
      : fail("HOST_SETUP", `cannot be looked at: ${messageOf(e)}`, e);
  });
  const problem = kindProblem(disk, found);
  if (problem !== undefined) throw fail("CONFIG_UNSUPPORTED", problem);
  const writes = disk.readonly !== true && disk.device !== "cdrom";
  const other = others.find(
    (o) => o.path === path && (writes || o.writes) && !(o.shareable && disk.shareable),
  );
  if (other !== undefined) {
    throw fail(
      "DISK_IN_USE",
      `is in use by guest "${other.guest}"; stop that guest or mark the disk shareable in both`,
    );
  }
  if (disk.driver?.type === "qcow2" && !(await isQcow2(path))) {
    throw fail(
      "CONFIG_UNSUPPORTED",
      "is not a qcow2 image, as its driver says; correct the type of the driver",
    );
  }
}

function kindProblem(disk: Disk, found: Stats): string | undefined {
  if (found.isDirectory()) return "is a directory, not an image";
  if (disk.type === "block" && !found.isBlockDevice()) return 'is no block device; use type="file"';
  return undefined;
}

const QCOW2_MAGIC = Buffer.from("QFI\xfb", "latin1");

async function isQcow2(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer } = await file.read({ buffer: Buffer.alloc(QCOW2_MAGIC.length), position: 0 });
    return buffer.equals(QCOW2_MAGIC);
  } finally {
    await file.close();
  }
}
