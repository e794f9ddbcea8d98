import { VirtError } from "@virtmesh/core/errors";
import { describeDevice, findSame } from "@virtmesh/documents/domain/find-device";
import type { DomainDefinition, IdentifiedDomain } from "@virtmesh/documents/domain/model";
import {
  type FoundDevice,
  type OneDevice,
  withDevice,
  withoutDevice,
} from "@virtmesh/documents/domain/one-device";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import type { QemuTraits } from "@virtmesh/documents/domain/semantics/qemu/traits";
import { validateDomain } from "@virtmesh/documents/domain/validate";
import { withAliases } from "../cmdline/aliases.ts";

/**
 * The definition with one device more, which has all that it needs: a place, and the controllers it sits on.
 * @throws DEVICE_EXISTS, NO_FREE_SLOT, XML_INVALID
 */
export function withNewDevice(
  definition: IdentifiedDomain,
  device: OneDevice,
  traits: QemuTraits,
  running: boolean,
): IdentifiedDomain {
  const same = findSame(definition, device);
  if (same !== undefined) {
    throw new VirtError("DEVICE_EXISTS", `guest "${definition.name}" has a ${describeDevice(same)} already`, {
      resource: { type: "domain", name: definition.name },
    });
  }
  const more = withMemory(withDevice(definition, device), device, 1n);
  const completed = complete(more, traits, running);
  validateDomain(completed);
  if (!running) return completed;
  const ports = (d: IdentifiedDomain) => d.devices.controllers.filter((c) => c.type === "pci").length;
  // A guest that was started with no PCI controllers written down has those of its board only.
  if (ports(completed) > ports(definition)) {
    throw new VirtError(
      "NO_FREE_SLOT",
      `guest "${definition.name}" has no free PCI port that ${describeDevice(device)} could be plugged into; add <controller type='pci' model='pcie-root-port'/> to its definition and start it anew`,
      { resource: { type: "domain", name: definition.name } },
    );
  }
  return withAliases(completed);
}

/** The definition without a device. */
export function withoutOldDevice(definition: IdentifiedDomain, found: FoundDevice): IdentifiedDomain {
  return withMemory(withoutDevice(definition, found), found, -1n);
}

/** Everything written down that QEMU and conventions decide. */
export function complete<D extends DomainDefinition>(definition: D, traits: QemuTraits, running = false): D {
  const completed = completeQemuDomain(definition, { traits, inactive: !running, newDomain: !running });
  return { ...definition, ...completed };
}

/** Modules of memory count in what a guest has. */
function withMemory(
  definition: IdentifiedDomain,
  { list, device }: OneDevice,
  sign: 1n | -1n,
): IdentifiedDomain {
  if (list !== "memories") return definition;
  const bytes = sign * device.target.size;
  const { memory, currentMemory } = definition;
  return {
    ...definition,
    memory: { ...memory, bytes: memory.bytes + bytes },
    ...(currentMemory === undefined ? {} : { currentMemory: { bytes: currentMemory.bytes + bytes } }),
  };
}
