import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { DEVICE_LISTS } from "@virtmesh/documents/domain/devices";
import type { QemuTraits } from "@virtmesh/documents/domain/semantics/qemu/traits";
import { complete } from "./device-change.ts";

/** How many devices can be plugged into a q35 guest that says nothing of its PCI controllers. */
const SPARE_PORTS = 4;

/**
 * The definition with everything written down that is left to QEMU, and, when it leaves PCI controllers to us, with
 * free root ports: on PCI Express a device that comes later needs a port that was there at the start.
 */
export function withSparePorts<D extends DomainDefinition>(definition: D, traits: QemuTraits): D {
  const completed = complete(definition, traits);
  const given = definition.devices.controllers.some((c) => c.type === "pci" && (c.index ?? 0) > 0);
  const express = completed.devices.controllers.some((c) => c.type === "pci" && c.model === "pcie-root");
  if (given || !express) return completed;
  const missing = Math.max(0, SPARE_PORTS - freePorts(completed));
  const { controllers } = completed.devices;
  const last = Math.max(...controllers.map((c) => (c.type === "pci" ? (c.index ?? 0) : 0)));
  const ports = Array.from({ length: missing }, (_, i) => ({
    ...({ type: "pci", model: "pcie-root-port", index: last + 1 + i } as const),
  }));
  return complete(
    { ...completed, devices: { ...completed.devices, controllers: [...controllers, ...ports] } },
    traits,
  );
}

/** Root ports that nothing is plugged into. */
function freePorts({ devices }: DomainDefinition): number {
  const taken = new Set(
    DEVICE_LISTS.flatMap(([list]) =>
      devices[list].flatMap(({ address }) => (address?.type === "pci" ? [address.bus ?? 0] : [])),
    ),
  );
  const ports = devices.controllers.filter((c) => c.type === "pci" && c.model === "pcie-root-port");
  return ports.filter((port) => !taken.has(port.index ?? 0)).length;
}
