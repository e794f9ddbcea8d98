import type { MigrationPlan, OfferedDisk } from "@virtmesh/core/driver/migration";
import { withSourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { QemuCapabilities } from "../capabilities/model.ts";

/** A definition as the destination gets it: other name and images where that was asked for, the same hardware. */
export function movedDefinition(
  definition: IdentifiedDomain,
  plan: MigrationPlan,
  disks: readonly OfferedDisk[],
  capabilities: QemuCapabilities,
): IdentifiedDomain {
  const named = plan.destinationName === "" ? definition : { ...definition, name: plan.destinationName };
  return {
    ...withMachineVersion(named, capabilities),
    devices: {
      ...named.devices,
      disks: named.devices.disks.map((disk) => {
        const moved = disks.find((d) => d.target === disk.target.dev && d.copy);
        if (moved === undefined) return disk;
        const image = withSourcePath(disk, moved.destinationPath);
        return { ...image, driver: { ...image.driver, type: moved.destinationFormat } };
      }),
    },
  };
}

/** "q35" is another machine with every version of QEMU; what runs is one of them, and that is what must run there. */
function withMachineVersion(definition: IdentifiedDomain, { machines }: QemuCapabilities): IdentifiedDomain {
  const { os } = definition;
  const version = machines.find((m) => m.alias === os.type.machine);
  return version === undefined
    ? definition
    : { ...definition, os: { ...os, type: { ...os.type, machine: version.name } } };
}
