import type { DomainUuid } from "@virtmesh/core/ids";
import { domainUuid, newDomainUuid } from "@virtmesh/core/ids";
import { busOf } from "./devices/disk.ts";
import type { DomainDefinition, IdentifiedDomain } from "./model.ts";

export interface CompletedDomain {
  readonly definition: IdentifiedDomain;
  /** The document had no UUID: nobody else can have this one. */
  readonly uuidGenerated: boolean;
}

/**
 * Writes down what must stay the same from start to start and on every host: a UUID, MAC addresses, the bus of
 * each disk, and the memory it starts with. Everything that is given stays as it is.
 */
export function completeDomain(definition: DomainDefinition): CompletedDomain {
  const uuid: DomainUuid = definition.uuid === undefined ? newDomainUuid() : domainUuid(definition.uuid);
  const { devices } = definition;
  return {
    uuidGenerated: definition.uuid === undefined,
    definition: {
      ...definition,
      uuid,
      currentMemory: definition.currentMemory ?? { bytes: definition.memory.bytes },
      devices: {
        ...devices,
        disks: devices.disks.map((disk) => ({ ...disk, target: { ...disk.target, bus: busOf(disk) } })),
        interfaces: devices.interfaces.map((nic) =>
          nic.mac === undefined ? { ...nic, mac: { address: newMac() } } : nic,
        ),
      },
    },
  };
}

/** One of the prefix that QEMU and libvirt use for KVM guests. */
export function newMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(3));
  return ["52:54:00", ...[...bytes].map((b) => b.toString(16).padStart(2, "0"))].join(":");
}
