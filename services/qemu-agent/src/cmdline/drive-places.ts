import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { busOf } from "@virtmesh/documents/domain/devices/disk";

/** Where a drive sits: on which controller, and there by bus, target and unit. */
export interface DrivePlace {
  readonly controller: number;
  readonly bus: number;
  readonly target: number;
  readonly unit: number;
}

/** The address in the definition, or the one that libvirt gives to a target of that name: sdb is the second. */
export function diskDrivePlace(disk: Disk): DrivePlace {
  const { address } = disk;
  if (address?.type === "drive") {
    const { controller, bus, target, unit } = address;
    return { controller, bus, target, unit };
  }
  const n = targetIndex(disk.target.dev);
  switch (busOf(disk)) {
    case "ide":
      return { controller: 0, bus: (n >> 1) % 2, target: 0, unit: n % 2 };
    case "sata":
      return { controller: Math.floor(n / 6), bus: 0, target: 0, unit: n % 6 };
    case "scsi": {
      // Unit 7 is the controller itself.
      const unit = n % 15;
      return { controller: Math.floor(n / 15), bus: 0, target: 0, unit: unit >= 7 ? unit + 1 : unit };
    }
    default:
      return { controller: 0, bus: 0, target: 0, unit: n };
  }
}

/** vda is 0, vdz 25, vdaa 26. A name that ends in a number counts by it. */
export function targetIndex(target: string): number {
  const number = /\d+$/.exec(target);
  if (number !== null) return Number(number[0]);
  const letters = /^(?:xvd|[fhsv]d|ubd)([a-z]+)$/.exec(target)?.[1] ?? "a";
  return Array.from(letters).reduce((n, letter) => n * 26 + (letter.charCodeAt(0) - 96), 0) - 1;
}
