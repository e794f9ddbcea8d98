import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";

export interface Relocation {
  readonly disk: string;
  readonly from: string;
  readonly to: string;
  readonly format: string;
}

/** The definition with a disk at its new place; a disk that lies somewhere else by now stays as it is. */
export function withMovedDisk(definition: IdentifiedDomain, move: Relocation): IdentifiedDomain {
  const disks = definition.devices.disks.map((disk) => {
    if (disk.target.dev !== move.disk || sourcePath(disk) !== move.from) return disk;
    const { backingStore: _, ...kept } = disk;
    const source = { seclabels: disk.source?.seclabels ?? [], file: move.to };
    return { ...kept, type: "file" as const, source, driver: { ...disk.driver, type: move.format } };
  });
  return { ...definition, devices: { ...definition.devices, disks } };
}

/** Where the definition says that a disk lies. */
export function pathOfDisk(definition: IdentifiedDomain, target: string): string | undefined {
  const disk = definition.devices.disks.find((d) => d.target.dev === target);
  return disk === undefined ? undefined : sourcePath(disk);
}
