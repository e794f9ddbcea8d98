import { lstat, stat } from "node:fs/promises";
import { dirname, isAbsolute, normalize } from "node:path";
import type { DiskMove } from "@virtmesh/core/driver/disk-moves";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";
import { type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import { imageUsers } from "../domain/disk-check.ts";
import type { Guest } from "../domain/guest.ts";
import { IMAGE_FORMATS } from "../migration/images.ts";

/** The disk, if it is one that can be moved. @throws DOMAIN_NOT_RUNNING, DEVICE_NOT_FOUND, UNSUPPORTED, DOMAIN_BUSY */
export function movableDisk(guest: Guest, { disk: target }: DiskMove): { disk: Disk; path: string } {
  const { jobs, definition } = guest.running;
  const disk = definition.devices.disks.find((d) => d.target.dev === target);
  const resource = { type: "disk", name: target };
  if (disk === undefined)
    throw new VirtError("DEVICE_NOT_FOUND", `guest "${guest.name}" has no disk "${target}"`, { resource });
  const path = sourcePath(disk);
  const why = obstacle(disk);
  if (why !== undefined || path === undefined)
    throw new VirtError(
      "UNSUPPORTED",
      `disk ${target} of guest "${guest.name}" cannot be moved: ${why ?? "it has no image"}`,
      { resource },
    );
  const busy = jobs.list.find((j) => j.disk === target && (j.state === "running" || j.state === "ready"));
  if (busy !== undefined)
    throw new VirtError(
      "DOMAIN_BUSY",
      `block job ${busy.id} works on disk ${target}; wait for it or cancel it`,
      { resource },
    );
  return { disk, path };
}

/** What is not carried over to another image, or must not be. */
function obstacle(disk: Disk): string | undefined {
  const { source, driver, backingStore } = disk;
  if (disk.device !== "disk" || disk.readonly === true) return "it is no disk that can be written to";
  if (disk.type !== "file" && disk.type !== "block") return `it is of the type ${disk.type}`;
  if (disk.shareable === true) return "other guests may use it too";
  if (disk.transient !== undefined) return "what is written to it is thrown away at the end";
  if (driver?.copyOnRead === true) return "it copies on read";
  if (source?.encryption !== undefined || disk.encryption !== undefined) return "it is encrypted";
  if (backingStore !== undefined && backingStore.type !== "none") return "it has images below it";
  if (source?.slices !== undefined && source.slices.length > 0) return "it is a slice of its image";
  if (source?.reservations !== undefined) return "it reserves its storage";
  return undefined;
}

/** @throws INVALID_FIELD, ALREADY_EXISTS, DISK_IN_USE */
export async function checkPlace(
  move: DiskMove,
  from: string,
  format: string,
  guests: readonly Guest[],
): Promise<void> {
  const { path } = move;
  if (!isAbsolute(path)) throw invalid("path", `"${path}" is no absolute path`);
  if (/\p{Cc}/u.test(path)) throw invalid("path", `${JSON.stringify(path)} has control characters`);
  if (normalize(path) !== path || path.endsWith("/"))
    throw invalid("path", `"${path}" is no plain path of a file; give it as ${normalize(path)}`);
  if (!IMAGE_FORMATS.has(format))
    throw invalid("format", `images of the format ${format} cannot be made, only raw and qcow2`);
  if (path === from)
    throw new VirtError("ALREADY_EXISTS", `disk ${move.disk} lies at ${path} already; give another path`);
  if (await isThere(path))
    throw new VirtError("ALREADY_EXISTS", `${path} exists already and is not overwritten; give another path`);
  if ((await stat(dirname(path)).catch(() => undefined))?.isDirectory() !== true)
    throw invalid("path", `the folder ${dirname(path)} does not exist; make it first`);
  const user = otherUser(guests, move, path);
  if (user !== undefined)
    throw new VirtError("DISK_IN_USE", `${path} is a disk of guest "${user}"; give another path`);
}

/** The old image is removed only if it is a file that nobody else uses. @throws INVALID_FIELD, DISK_IN_USE */
export async function checkRemoval(move: DiskMove, from: string, guests: readonly Guest[]): Promise<void> {
  if (!(await lstat(from)).isFile())
    throw invalid("remove_source", `${from} is no plain file and is not removed; move the disk without that`);
  const user = otherUser(guests, move, from);
  if (user !== undefined)
    throw new VirtError(
      "DISK_IN_USE",
      `${from} is a disk of guest "${user}" too and is not removed; move the disk without that`,
    );
}

/** A guest whose definition names the image for another disk than the one that is moved. */
export function otherUser(guests: readonly Guest[], move: DiskMove, path: string): string | undefined {
  return guests.find((guest) => {
    const { instance, persistentDefinition } = guest;
    const definitions = [instance?.definition, persistentDefinition].filter((d) => d !== undefined);
    return definitions.some(({ devices, ...definition }) => {
      const disks = devices.disks.filter((d) => guest.uuid !== move.uuid || d.target.dev !== move.disk);
      return imageUsers({ ...definition, devices: { ...devices, disks } }).some((u) => u.path === path);
    });
  })?.name;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (e) {
    const code = systemCode(e);
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw invalid("path", `${path} cannot be looked at: ${messageOf(e)}`);
  }
}

function invalid(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field}: ${description}`, { violations: [{ field, description }] });
}
