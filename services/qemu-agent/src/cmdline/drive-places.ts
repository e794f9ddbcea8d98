import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { unsupported } from "./arguments.ts";

/** Where a drive sits: on which controller, and there by bus, target and unit. */
export interface DrivePlace {
  readonly controller: number;
  readonly bus: number;
  readonly target: number;
  readonly unit: number;
}

/** The drive address of a disk; a completed definition has one for each that is no device of its own on a bus. */
export function diskDrivePlace({ address, target: { dev } }: Disk): DrivePlace {
  if (address?.type !== "drive") {
    throw unsupported(
      `devices/disk[${dev}]/address`,
      `disk ${dev} has an address of type ${address?.type ?? "none"}, it must be drive`,
    );
  }
  const { controller, bus, target, unit } = address;
  return { controller, bus, target, unit };
}
