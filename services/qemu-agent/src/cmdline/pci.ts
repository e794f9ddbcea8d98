import type { Address } from "@virtmesh/documents/domain/devices/common";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { unsupported } from "./arguments.ts";

/** The two boards of x86 that are known, each with the bus that the first devices sit on. */
export type Board = "pc" | "q35";

const ROOT_BUS: Readonly<Record<Board, string>> = { pc: "pci.0", q35: "pcie.0" };

/** What a device of the guest is told of its place. */
export interface PciPlace {
  readonly bus: string;
  readonly addr: string;
  readonly multifunction?: boolean;
}

/** The place of a PCI device as QEMU is told it. A completed definition has one for each. */
export function pciPlaceOf(
  address: Address | undefined,
  board: Board,
  { devices }: DomainDefinition,
  path: string,
): PciPlace {
  if (address?.type !== "pci")
    throw unsupported(
      `${path}/address`,
      `a PCI device has an address of type ${address?.type ?? "none"}, it must be pci`,
    );
  const { domain = 0, bus = 0, slot = 0, function: fn = 0, multifunction } = address;
  if (domain !== 0) throw unsupported(`${path}/address/@domain`, "only PCI domain 0 exists");
  const owner = devices.controllers.find((c) => c.type === "pci" && (c.index ?? 0) === bus);
  if (owner === undefined)
    throw unsupported(`${path}/address/@bus`, `there is no PCI controller with index ${bus}`);
  return {
    bus: bus === 0 ? ROOT_BUS[board] : (owner.alias ?? `pci.${bus}`),
    addr: `0x${slot.toString(16)}${fn === 0 ? "" : `.0x${fn.toString(16)}`}`,
    ...(multifunction === undefined ? {} : { multifunction }),
  };
}
