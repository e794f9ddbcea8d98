import { refuse } from "../refuse.ts";
import type { PciModel } from "./bus.ts";
import { PciBus } from "./bus.ts";
import type { Plug } from "./socket.ts";

/** Where a device sits on PCI; only domain 0 exists. */
export interface PciPlace {
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
}

export interface BusesOptions {
  /** More root buses can be added: pseries. */
  readonly manyRoots: boolean;
  /** The binary has pcie-pci-bridge; else conventional devices go behind a dmi-to-pci-bridge. */
  readonly pcieToPciBridge: boolean;
  /** Buses are added when a device finds no place. */
  readonly growing: boolean;
}

/** All PCI buses of a guest while its devices are given their places. */
export class PciBuses {
  private readonly buses: PciBus[];
  private readonly options: BusesOptions;

  constructor(buses: readonly PciBus[], options: BusesOptions) {
    this.buses = [...buses];
    this.options = options;
  }

  get models(): readonly PciModel[] {
    return this.buses.map((bus) => bus.model);
  }

  get allFull(): boolean {
    return this.buses.every((bus) => bus.isFull);
  }

  isTaken(bus: number, slot: number): boolean {
    return (this.buses[bus]?.taken(slot) ?? 0) !== 0;
  }

  /** Checks that a device could have that place, taken or not. @throws XML_INVALID */
  check(place: PciPlace, plug: Plug, path: string): void {
    const bus = this.buses[place.bus];
    if (bus === undefined) {
      const last = this.buses.length - 1;
      const most = last < 0 ? "the guest has no PCI bus" : `the last PCI bus is ${last}`;
      refuse(path, `there is no PCI bus ${place.bus} for the address ${textOf(place)}; ${most}`);
    }
    if (plug.integrated && place.bus !== 0)
      refuse(path, `the device belongs on PCI bus 0, its address is ${textOf(place)}`);
    if (!fitsAsAsked(bus, plug)) {
      refuse(
        path,
        `the address ${textOf(place)} is on a ${bus.model}, which takes ${[...bus.takes].join(", ")}; the device needs a socket for ${plug.socket}`,
      );
    }
    if (place.slot < bus.first || place.slot > bus.last) {
      refuse(path, `the slot of ${textOf(place)} must be from ${bus.first} to ${bus.last} on a ${bus.model}`);
    }
  }

  /**
   * Takes the place that a definition names, and says which it was: one bus further when the bus had to be added
   * and another one leads to it. @throws XML_INVALID when the device does not fit or somebody sits there
   */
  claim(asked: PciPlace, plug: Plug, path: string, group = 0): PciPlace {
    const place = this.options.growing ? { ...asked, bus: this.grow(asked.bus, plug, path) } : asked;
    this.check(place, plug, path);
    const bus = this.at(place.bus);
    if ((bus.taken(place.slot) & (1 << place.function)) !== 0)
      refuse(path, `the PCI address ${textOf(place)} is that of another device already`);
    if (bus.isEmpty && !bus.groupFixed) bus.group = group;
    // Whoever mixes groups by hand has given up on keeping them apart.
    else if (bus.group !== group) bus.group = 0;
    bus.take(place.slot, place.function, plug.sharesSlot);
    return place;
  }

  /** Takes the next free place that fits; `fn` is the function that it must be. @throws CONFIG_UNSUPPORTED */
  next(plug: Plug, path: string, group = 0, fn?: number): PciPlace {
    const place =
      this.find(plug, fn, (bus) => bus.group === group) ??
      // A bus that is empty yet can become one of that group.
      this.find(plug, fn, (bus) => bus.isEmpty && !bus.groupFixed) ??
      this.onNewBus(plug, path, fn);
    const bus = this.at(place.bus);
    if (bus.isEmpty && !bus.groupFixed) bus.group = group;
    bus.take(place.slot, place.function, plug.sharesSlot);
    return place;
  }

  private find(plug: Plug, fn: number | undefined, allowed: (bus: PciBus) => boolean): PciPlace | undefined {
    for (const [index, bus] of this.buses.entries()) {
      if (!allowed(bus) || !fitsByItself(index, bus, plug)) continue;
      const free = bus.free(plug.sharesSlot, fn);
      if (free !== undefined) return { bus: index, ...free };
    }
    return undefined;
  }

  private onNewBus(plug: Plug, path: string, fn: number | undefined): PciPlace {
    if (this.buses.length === 0)
      refuse(path, "the machine has no PCI bus that the device could be on", "CONFIG_UNSUPPORTED");
    if (!this.options.growing) {
      refuse(path, "no PCI slot is left that fits the device; add a PCI controller", "CONFIG_UNSUPPORTED");
    }
    const bus = this.grow(this.buses.length, plug, path);
    return { bus, slot: this.at(bus).first, function: fn ?? 0 };
  }

  /** Adds buses until there is one of that number that fits the plug. Returns the number it really has. */
  private grow(wanted: number, plug: Plug, path: string): number {
    const missing = wanted - this.buses.length + 1;
    if (missing <= 0) return wanted;
    switch (plug.socket) {
      case "pci":
        return this.growPci(wanted, missing);
      case "pcie":
      case "pcie-switch-upstream-port":
        this.add("pcie-root-port", missing);
        return wanted;
      case "pcie-root-port":
      case "pcie-switch-downstream-port":
      case "dmi-to-pci-bridge":
      case "pcie-to-pci-bridge":
      case "pci-bridge":
      case "pci-expander-bus":
      case "pcie-expander-bus":
        return refuse(
          path,
          `no PCI bus has a free socket for a ${plug.socket}, and none can be added by itself; add a PCI controller that takes it`,
          "CONFIG_UNSUPPORTED",
        );
    }
  }

  private growPci(wanted: number, missing: number): number {
    if (this.options.manyRoots) {
      this.add("pci-root", missing);
      return wanted;
    }
    if (this.buses.some((bus) => bus.takes.has("pci-bridge"))) {
      this.add("pci-bridge", missing);
      return wanted;
    }
    // A guest with PCI Express only: one more bus than asked for leads over to conventional PCI.
    const bus = missing === 1 ? wanted + 1 : wanted;
    if (this.options.pcieToPciBridge) {
      // That port is for the bridge alone; a port kept free for hotplug is another one.
      this.buses.push(new PciBus("pcie-root-port", { only: "pcie-to-pci-bridge" }));
      this.add("pcie-to-pci-bridge", 1);
    } else {
      this.add("dmi-to-pci-bridge", 1);
    }
    this.add("pci-bridge", bus + 1 - this.buses.length);
    return bus;
  }

  private add(model: PciModel, count: number): void {
    for (let i = 0; i < count; i += 1) this.buses.push(new PciBus(model));
  }

  private at(index: number): PciBus {
    const bus = this.buses[index];
    if (bus === undefined) throw new RangeError(`there is no PCI bus ${index}`);
    return bus;
  }
}

/** Whoever gives an address may put conventional devices into PCI Express sockets and the other way round. */
function fitsAsAsked(bus: PciBus, plug: Plug): boolean {
  if (bus.takes.has(plug.socket)) return true;
  const endpoints = bus.takes.has("pci") || bus.takes.has("pcie");
  return endpoints && (plug.socket === "pci" || plug.socket === "pcie" || plug.socket === "pci-bridge");
}

function fitsByItself(index: number, bus: PciBus, plug: Plug): boolean {
  if (plug.integrated && index !== 0) return false;
  if (plug.endpoint && !bus.auto && !plug.integrated) return false;
  return bus.takes.has(plug.socket);
}

export function textOf({ bus, slot, function: fn }: PciPlace): string {
  const hex = (n: number) => n.toString(16).padStart(2, "0");
  return `0000:${hex(bus)}:${hex(slot)}.${fn}`;
}
