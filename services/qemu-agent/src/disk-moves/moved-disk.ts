import { withSourcePath } from "@virtmesh/documents/domain/devices/disk";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";

/** The definition with a disk at its new place; a disk that lies somewhere else by now stays as it is. */
export function withMovedDisk(
  definition: IdentifiedDomain,
  move: { readonly disk: string; readonly from: string; readonly to: string; readonly format: string },
): IdentifiedDomain {
  const disks = definition.devices.disks.map((disk) => {
    if (disk.target.dev !== move.disk || sourcePath(disk) !== move.from) return disk;
    const { backingStore: _, ...moved } = withSourcePath({ ...disk, type: "file" }, move.to);
    return { ...moved, driver: { ...disk.driver, type: move.format } };
  });
  return { ...definition, devices: { ...definition.devices, disks } };
}
