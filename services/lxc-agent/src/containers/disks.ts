import { stat } from "node:fs/promises";
import { runTool } from "@virtmesh/agent/machine/run-tool";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { RunDisk } from "./container.ts";

/** Makes a disk a device of the host: a block device is one, a raw file becomes one by a loop device. @throws CONFIG_UNSUPPORTED, HOST_SETUP */
export async function deviceFor(disk: Disk, signal: AbortSignal): Promise<RunDisk> {
  const path = sourcePath(disk);
  const target = disk.target.dev;
  if (path === undefined || (disk.type !== "file" && disk.type !== "block"))
    throw refused(target, "must be a raw file or a block device of the host");
  if (disk.type === "block") return { device: path, number: await numberOf(path), made: false };
  const format = disk.driver?.type;
  if (format !== undefined && format !== "raw")
    throw refused(target, `is of the format ${format}, and a container can have raw ones only`);
  const readonly = disk.readonly === true ? ["--read-only"] : [];
  const device = (await runTool("losetup", ["--find", "--show", ...readonly, path], { signal })).trim();
  return { device, number: await numberOf(device), made: true };
}

/** Gives back what was made for a run. @throws HOST_SETUP */
export async function giveBack({ device, made }: RunDisk): Promise<void> {
  if (made) await runTool("losetup", ["--detach", device]);
}

/** `major:minor`. @throws HOST_SETUP */
async function numberOf(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (found.isBlockDevice()) return `${Math.floor(found.rdev / 256) & 0xfff}:${found.rdev & 0xff}`;
  } catch (e) {
    throw new VirtError("HOST_SETUP", `the disk ${path} cannot be used: ${messageOf(e)}`, {}, { cause: e });
  }
  throw new VirtError("HOST_SETUP", `the disk ${path} is no block device`);
}

function refused(target: string, why: string): VirtError {
  const field = `/domain/devices/disk[target/@dev="${target}"]`;
  return new VirtError("CONFIG_UNSUPPORTED", `disk ${target} ${why}`, {
    violations: [{ field, description: why }],
  });
}
