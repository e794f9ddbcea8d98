import type { Address, PciAddress } from "@virtmesh/documents/domain/devices/common";
import { DEVICE_LISTS } from "@virtmesh/documents/domain/devices";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { unsupported } from "./arguments.ts";

/** The two boards of x86 that are known: what bus the first devices sit on and which slots the board takes. */
export type Board = "pc" | "q35";

const BOARDS = {
  /** Host bridge, then PIIX3 with IDE, USB and power management as functions of slot 1. */
  pc: { bus: "pci.0", taken: [0, 1], last: 31 },
  /** Host bridge, and ICH9 with SATA and SMBus as functions of slot 31. */
  q35: { bus: "pcie.0", taken: [0], last: 30 },
} as const;

/** What a device of the guest is told of its place. */
export interface PciPlace {
  readonly bus: string;
  readonly addr: string;
  readonly multifunction?: boolean;
}

/**
 * Gives every PCI device its place: the address in the definition, or else the lowest slot of the root bus that
 * no device names. It depends on the definition alone, so both ends of a migration get the same.
 */
export class PciSlots {
  private readonly board: Board;
  private readonly taken: Set<number>;
  private readonly buses: ReadonlySet<number>;

  constructor(board: Board, definition: DomainDefinition) {
    this.board = board;
    const { devices } = definition;
    const addresses = DEVICE_LISTS.flatMap(([list]) => devices[list].map((d) => d.address));
    this.taken = new Set([...BOARDS[board].taken, ...addresses.flatMap(rootSlot)]);
    const bridges = devices.controllers.filter((c) => c.type === "pci");
    this.buses = new Set([0, ...bridges.flatMap((c) => (c.index === undefined ? [] : [c.index]))]);
  }

  get rootBus(): string {
    return BOARDS[this.board].bus;
  }

  place(address: Address | undefined, path: string): PciPlace {
    if (address === undefined) return this.next(path);
    if (address.type !== "pci")
      throw unsupported(`${path}/address`, `a PCI device cannot have an address of type ${address.type}`);
    return address.slot === undefined ? this.next(path) : this.given(address, path);
  }

  private given(address: PciAddress, path: string): PciPlace {
    const bus = address.bus ?? 0;
    if ((address.domain ?? 0) !== 0) throw unsupported(`${path}/address/@domain`, "only PCI domain 0 exists");
    if (!this.buses.has(bus))
      throw unsupported(`${path}/address/@bus`, `there is no PCI controller with index ${bus}`);
    const fn = address.function ?? 0;
    return {
      bus: bus === 0 ? this.rootBus : `pci.${bus}`,
      addr: `0x${(address.slot ?? 0).toString(16)}${fn === 0 ? "" : `.0x${fn.toString(16)}`}`,
      ...(address.multifunction === undefined ? {} : { multifunction: address.multifunction }),
    };
  }

  private next(path: string): PciPlace {
    const { bus, last } = BOARDS[this.board];
    for (let slot = 1; slot <= last; slot += 1) {
      if (this.taken.has(slot)) continue;
      this.taken.add(slot);
      return { bus, addr: `0x${slot.toString(16)}` };
    }
    throw unsupported(
      path,
      `no PCI slot is left on ${bus}; add PCI controllers and give devices addresses on them`,
    );
  }
}

function rootSlot(address: Address | undefined): number[] {
  if (address?.type !== "pci" || address.slot === undefined) return [];
  return (address.domain ?? 0) === 0 && (address.bus ?? 0) === 0 ? [address.slot] : [];
}
