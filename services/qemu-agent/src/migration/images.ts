import { stat, statfs, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import type { MigrationOffer, Obstacle, OfferedDisk } from "@virtmesh/core/driver/migration";
import { runTool } from "@virtmesh/agent/machine/run-tool";
import { type FileIdentity, makeEmptyFile } from "./made-images.ts";

/** Formats that a copy can be made in. */
export const IMAGE_FORMATS: ReadonlySet<string> = new Set(["raw", "qcow2"]);

/** An image to be made. */
export type NewImage = Pick<
  OfferedDisk,
  "target" | "destinationPath" | "destinationFormat" | "capacityBytes"
>;

/** Gives a file that was made empty its content: an image of exactly that size; a mirror needs both sides equal. */
export async function fillImage(disk: NewImage, signal: AbortSignal): Promise<void> {
  const { destinationPath: path, destinationFormat: format, capacityBytes } = disk;
  if (format === "raw") return await truncate(path, Number(capacityBytes));
  await runTool("qemu-img", ["create", "-q", "-f", format, path, String(capacityBytes)], { signal });
}

/**
 * Makes every image that the offer needs; when it throws, none is being made any more. `note` hears which files were
 * made, before anything is written to them.
 */
export async function createImages(
  offer: MigrationOffer,
  note: (files: readonly FileIdentity[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const copied = offer.disks.filter((d) => d.copy);
  const empty = await Promise.allSettled(copied.map((d) => makeEmptyFile(d.destinationPath, d.target)));
  await note(empty.flatMap((e) => (e.status === "fulfilled" ? [e.value] : [])));
  throwFirst(empty);
  throwFirst(await Promise.allSettled(copied.map((d) => fillImage(d, signal))));
}

function throwFirst(outcomes: readonly PromiseSettledResult<unknown>[]): void {
  const failed = outcomes.find((o) => o.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** What stands in the way of the images of an offer on this host. `replaceable`: paths that may be taken though they exist. */
export async function imageObstacles(
  offer: MigrationOffer,
  replaceable: ReadonlySet<string>,
): Promise<{ obstacles: readonly Obstacle[]; warnings: readonly string[] }> {
  const found = await Promise.all(
    offer.disks.map((disk) => (disk.copy ? newImage(disk, replaceable) : sharedImage(disk))),
  );
  const space = await spaceWarnings(offer.disks.filter((d) => d.copy));
  return { obstacles: found.flat(), warnings: space };
}

async function newImage(disk: OfferedDisk, replaceable: ReadonlySet<string>): Promise<readonly Obstacle[]> {
  const path = disk.destinationPath;
  const subject = `${disk.target} (${path})`;
  if (!IMAGE_FORMATS.has(disk.destinationFormat)) {
    return [
      {
        type: "IMAGE_FORMAT",
        subject,
        description: `disk ${disk.target}: images of the format ${disk.destinationFormat} cannot be made, only raw and qcow2`,
      },
    ];
  }
  if (!replaceable.has(path) && (await exists(path))) {
    return [
      {
        type: "IMAGE_EXISTS",
        subject,
        description: `disk ${disk.target}: ${path} exists on the destination already and is not overwritten; remove it or give another path`,
      },
    ];
  }
  const folder = await stat(dirname(path)).catch(() => undefined);
  if (folder?.isDirectory() !== true) {
    return [
      {
        type: "NO_DIRECTORY",
        subject,
        description: `disk ${disk.target}: the folder ${dirname(path)} does not exist on the destination`,
      },
    ];
  }
  return [];
}

async function sharedImage(disk: OfferedDisk): Promise<readonly Obstacle[]> {
  if (disk.destinationPath === "" || (await exists(disk.destinationPath))) return [];
  return [
    {
      type: "IMAGE_MISSING",
      subject: `${disk.target} (${disk.destinationPath})`,
      description: `disk ${disk.target}: ${disk.destinationPath} is not to be seen on the destination; copy the disk, or share the storage`,
    },
  ];
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** Images grow as they are written: too little space is a warning, since much of them may stay empty. */
async function spaceWarnings(disks: readonly OfferedDisk[]): Promise<readonly string[]> {
  const wanted = new Map<string, bigint>();
  for (const d of disks) {
    const folder = dirname(d.destinationPath);
    wanted.set(folder, (wanted.get(folder) ?? 0n) + d.capacityBytes);
  }
  const said = await Promise.all(
    [...wanted].map(async ([folder, bytes]) => {
      const fs = await statfs(folder, { bigint: true }).catch(() => undefined);
      if (fs === undefined || fs.bavail * fs.bsize >= bytes) return [];
      return [
        `${folder} on the destination has ${fs.bavail * fs.bsize} bytes left and the disks may grow to ${bytes}`,
      ];
    }),
  );
  return said.flat();
}
