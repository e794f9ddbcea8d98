import { document } from "../schema/document.ts";
import { refuseAt } from "../schema/refuse.ts";
import type { SnapshotDefinition, SnapshotDisk } from "./model.ts";
import { snapshotSchema } from "./model.ts";

const snapshotDocument = document("domainsnapshot", snapshotSchema, (snapshot) => {
  checkMemory(snapshot);
  snapshot.disks?.forEach((disk, i) => checkDisk(disk, `/domainsnapshot/disks/disk[${i + 1}]`));
});

/**
 * Reads and checks a snapshot: one that is asked for, or one that there is.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseSnapshot(xml: string): SnapshotDefinition {
  return snapshotDocument.parse(xml);
}

export function formatSnapshot(snapshot: SnapshotDefinition): string {
  return snapshotDocument.format(snapshot);
}

function isOffline({ state }: SnapshotDefinition): boolean {
  return state === "shutoff" || state === "disk-snapshot";
}

function checkMemory(snapshot: SnapshotDefinition): void {
  const { memory } = snapshot;
  if (memory === undefined) return;
  const path = "/domainsnapshot/memory";
  const { file, snapshot: where = file === undefined ? undefined : "external" } = memory;
  if (file !== undefined && where !== "external")
    refuseAt(path, `the file "${file}" needs snapshot="external"`);
  if (where === "external" && file === undefined) refuseAt(path, `snapshot="external" needs a file`);
  if (file !== undefined && !file.startsWith("/")) refuseAt(path, `the path "${file}" is not absolute`);
  if (isOffline(snapshot) && where !== undefined && where !== "no")
    refuseAt(path, `a guest in the state "${snapshot.state}" has no memory to save`);
}

function checkDisk(disk: SnapshotDisk, path: string): void {
  const { source } = disk;
  if (source?.startupPolicy !== undefined)
    refuseAt(`${path}/source`, "startupPolicy is for disks of guests; leave it out of a snapshot");
  if (disk.type === "network" && disk.source !== undefined && disk.source.seclabels.length > 0)
    refuseAt(`${path}/source`, "an image over the network has no label on this host");
  if (disk.snapshot !== undefined && disk.snapshot !== "external" && hasImage(disk))
    refuseAt(path, `snapshot="${disk.snapshot}" takes no image; only "external" does`);
  const place = placeOf(disk);
  if (disk.type !== "network" && place !== undefined && !place.startsWith("/"))
    refuseAt(`${path}/source`, `the path "${place}" is not absolute`);
}

function placeOf(disk: SnapshotDisk): string | undefined {
  if (disk.type === "block") return disk.source?.dev;
  return disk.type === "network" ? disk.source?.protocol : disk.source?.file;
}

function hasImage(disk: SnapshotDisk): boolean {
  return placeOf(disk) !== undefined || disk.driver?.type !== undefined;
}

/** A snapshot that is to be made, as a user's document asks for it. */
export function requestedSnapshot(
  snapshot: SnapshotDefinition,
  creationTime: number | undefined,
): SnapshotDefinition {
  const { name, description, memory, disks } = snapshot;
  const called = name ?? (creationTime === undefined ? undefined : String(creationTime));
  // What only those have that there are already is not taken from whoever asks.
  return {
    ...(called === undefined ? {} : { name: called }),
    ...(description === undefined ? {} : { description }),
    ...(creationTime === undefined ? {} : { creationTime }),
    ...(memory === undefined ? {} : { memory: completeMemory(memory) }),
    ...(disks === undefined ? {} : { disks: disks.map(completeDisk) }),
  };
}

/**
 * A snapshot that there is, as it is made known again.
 * @throws XML_INVALID when it lacks what only the one who had it can know
 */
export function redefinedSnapshot(snapshot: SnapshotDefinition): SnapshotDefinition {
  const { memory, disks } = snapshot;
  for (const key of ["name", "creationTime", "state"] as const) {
    if (snapshot[key] === undefined) refuseAt("/domainsnapshot", `a snapshot that exists needs a <${key}>`);
  }
  const fallback = { snapshot: isOffline(snapshot) ? "no" : "internal" } as const;
  return {
    ...snapshot,
    memory: memory === undefined ? fallback : completeMemory(memory),
    ...(disks === undefined ? {} : { disks: disks.map(completeDisk) }),
  };
}

type Memory = NonNullable<SnapshotDefinition["memory"]>;

function completeMemory(memory: Memory): Memory {
  return memory.file === undefined ? memory : { snapshot: "external", ...memory };
}

function completeDisk(disk: SnapshotDisk): SnapshotDisk {
  const { driver, source, ...rest } = disk;
  const said = {
    ...rest,
    ...(hasImage(disk) ? { snapshot: disk.snapshot ?? "external" } : {}),
    type: disk.type === "unset" && hasImage(disk) ? "file" : disk.type,
    ...(driver === undefined || Object.keys(driver).length === 0 ? {} : { driver }),
    ...(placeOf(disk) === undefined ? {} : { source }),
  };
  return said as SnapshotDisk;
}
