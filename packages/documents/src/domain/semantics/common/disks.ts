import type { Disk } from "../../devices/disk.ts";
import { busOf } from "../../devices/disk.ts";
import type { Draft } from "../draft.ts";
import { refuse } from "../refuse.ts";
import type { DomainDraft } from "../walk.ts";

export type DiskDraft = Draft<Disk>;

/** The number that a target's letters mean: vda is 0, sdz 25, sdaa 26. Undefined for a name without one. */
export function targetIndex(dev: string): number | undefined {
  const letters = /^(?:fd|hd|vd|sd|xvd|ubd)([a-z]+)(?:0|[1-9]\d*)?$/.exec(dev)?.[1];
  if (letters === undefined) return undefined;
  let index = 0;
  for (const letter of letters) index = index * 26 + (letter.charCodeAt(0) - 96);
  return index - 1;
}

/** Sorts disks of one bus by their target; buses stay in the order written. */
export function orderDisks(draft: DomainDraft): void {
  const ordered: DiskDraft[] = [];
  for (const disk of draft.devices.disks) {
    let at: number | undefined;
    for (let i = ordered.length - 1; i >= 0; i -= 1) {
      const other = ordered[i];
      if (other === undefined || other.target.bus !== disk.target.bus) continue;
      if ((targetIndex(other.target.dev) ?? -1) > (targetIndex(disk.target.dev) ?? -1)) at = i;
      else at ??= i + 1;
    }
    ordered.splice(at ?? ordered.length, 0, disk);
  }
  draft.devices.disks = ordered;
}

/** What every disk has even when it does not say so. */
export function completeDisk(draft: DomainDraft, disk: DiskDraft, path: string, unitsPerBus: 7 | 16): void {
  if (disk.device === "cdrom") disk.readonly = true;
  disk.target.bus = busOf(disk);
  // An empty drive is one of no certain kind.
  if (disk.source === undefined && disk.device !== "disk" && ["network", "volume"].includes(disk.type))
    Object.assign(disk, { type: "file" });
  completePorts(disk);
  if (disk.type === "network" && disk.source?.protocol === "iscsi")
    disk.source.name = withLun(disk.source.name);
  if (disk.type === "nvme" && disk.source !== undefined) disk.source.managed ??= true;
  // Nobody can take a snapshot of what another process keeps.
  if (disk.type === "vhostuser") disk.snapshot ??= "no";
  if (disk.address === undefined) assignDrive(draft, disk, path, unitsPerBus);
  shareThrottling(draft, disk);
}

/** Where servers of storage listen. */
const PORTS: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  ftp: 21,
  ftps: 990,
  tftp: 69,
  sheepdog: 7000,
  nbd: 10809,
  ssh: 22,
  iscsi: 3260,
  gluster: 24007,
  vxhs: 9999,
};

/** Says at which port each server of an image and of those below it listens. */
function completePorts(disk: DiskDraft): void {
  let image: DiskDraft | NonNullable<DiskDraft["backingStore"]> | undefined = disk;
  for (; image !== undefined && image.type !== "none"; image = image.backingStore) {
    if (image.type !== "network" || image.source === undefined) continue;
    const port = PORTS[image.source.protocol];
    for (const host of image.source.hosts)
      if ((host.transport ?? "tcp") === "tcp" && port !== undefined) host.port ??= port;
  }
}

/** An iSCSI target without a number of its logical unit means unit 0. */
export function withLun(name: string | undefined): string {
  if (name === undefined) return "/0";
  return name.includes("/") ? name : `${name}/0`;
}

/** A target's letters say where a drive sits; other buses have no drive addresses. */
function assignDrive(draft: DomainDraft, disk: DiskDraft, path: string, unitsPerBus: 7 | 16): void {
  const { dev, bus } = disk.target;
  const index = targetIndex(dev);
  if (index === undefined) {
    if (bus === "nvme") return;
    refuse(
      `${path}/target/@dev`,
      `"${dev}" does not say which disk it is, as vda or sdb do, and no address does`,
    );
  }
  switch (bus) {
    case "scsi": {
      const place = scsiPlace(index, unitsPerBus);
      const taken = draft.devices.hostdevs.some(
        ({ type, address }) =>
          type === "scsi" &&
          address?.type === "drive" &&
          address.controller === place.controller &&
          address.bus === 0 &&
          address.target === 0 &&
          address.unit === place.unit,
      );
      if (taken)
        refuse(
          `${path}/target/@dev`,
          `${dev} means unit ${place.unit} of SCSI controller ${place.controller}, which a device of the host has`,
          "CONFIG_UNSUPPORTED",
        );
      disk.address = { type: "drive", ...place, bus: 0, target: 0 };
      break;
    }
    case "ide":
      disk.address = {
        type: "drive",
        controller: Math.floor(index / 4),
        bus: Math.floor((index % 4) / 2),
        target: 0,
        unit: index % 2,
      };
      break;
    case "sata":
      disk.address = { type: "drive", controller: Math.floor(index / 6), bus: 0, target: 0, unit: index % 6 };
      break;
    case "fdc":
      disk.address = { type: "drive", controller: Math.floor(index / 2), bus: 0, target: 0, unit: index % 2 };
      break;
    default:
      break;
  }
}

/** A narrow SCSI bus has seven units for disks; a wide one fifteen, and the adapter itself is unit 7. */
function scsiPlace(index: number, unitsPerBus: 7 | 16): { controller: number; unit: number } {
  if (unitsPerBus === 7) return { controller: Math.floor(index / 7), unit: index % 7 };
  const unit = index % 15;
  return { controller: Math.floor(index / 15), unit: unit >= 7 ? unit + 1 : unit };
}

/** A disk that only names a throttling group has the limits that another disk gives that group. */
function shareThrottling(draft: DomainDraft, disk: DiskDraft): void {
  const { iotune } = disk;
  if (iotune?.groupName === undefined || hasLimits(iotune)) return;
  const other = draft.devices.disks.find(
    (d) => d.iotune !== undefined && d.iotune.groupName === iotune.groupName && hasLimits(d.iotune),
  );
  if (other?.iotune !== undefined) disk.iotune = structuredClone(other.iotune);
}

function hasLimits(iotune: NonNullable<DiskDraft["iotune"]>): boolean {
  return Object.entries(iotune).some(([name, value]) => name !== "groupName" && value !== 0n);
}
