import { refuse } from "../refuse.ts";
import type { Placed, PlacedAt } from "./placed.ts";
import { addressOf } from "./placed.ts";

const HUB_PORTS = 8;
/** Hubs behind hubs: `1.2.3.4` is as deep as USB addresses go. */
const DEPTH = 4;

/** A controller or a hub: which of its ports are taken, and the hubs behind them. */
class Ports {
  readonly count: number;
  private readonly taken = new Set<number>();
  private readonly hubs = new Map<number, Ports>();

  constructor(count: number) {
    this.count = count;
  }

  behind(port: number): Ports | undefined {
    return this.hubs.get(port);
  }

  isTaken(port: number): boolean {
    return this.taken.has(port);
  }

  take(port: number, hub?: Ports): void {
    this.taken.add(port);
    if (hub !== undefined) this.hubs.set(port, hub);
  }

  /** The first free port of this one, else of the hubs behind it. */
  free(depth = 1): readonly number[] | undefined {
    for (let port = 1; port <= this.count; port += 1) if (!this.taken.has(port)) return [port];
    if (depth === DEPTH) return undefined;
    for (const [port, hub] of [...this.hubs].toSorted(([a], [b]) => a - b)) {
      const rest = hub.free(depth + 1);
      if (rest !== undefined) return [port, ...rest];
    }
    return undefined;
  }
}

export interface UsbBus {
  readonly index: number;
  readonly model: string | undefined;
  readonly ports: number | undefined;
}

const PORTS: ReadonlyMap<string, number> = new Map([
  ["piix3-uhci", 2],
  ["piix4-uhci", 2],
  ["vt82c686b-uhci", 2],
  ["ehci", 6],
  ["ich9-ehci1", 6],
  ["pci-ohci", 3],
  ["nec-xhci", 4],
  ["qemu-xhci", 4],
  ["qusb1", 8],
  ["qusb2", 8],
]);

/** Ports of a controller. The companions of an EHCI controller serve its ports and have none of their own. */
function portsOf({ model, ports }: UsbBus): number {
  if (model === undefined) return 2;
  const fixed = !model.endsWith("xhci") && !model.startsWith("qusb");
  return (fixed ? undefined : ports) ?? PORTS.get(model) ?? 0;
}

/** How many hubs a guest needs beyond those it has: each has eight ports and takes one itself. */
export function hubsNeeded(buses: readonly UsbBus[], hubs: number, devices: number): number {
  const ports = buses.reduce((sum, bus) => sum + portsOf(bus), 0) + hubs * HUB_PORTS;
  return devices > ports ? Math.ceil((devices - ports + 1) / (HUB_PORTS - 1)) : 0;
}

/** Whether a device has its port already. */
export function hasUsbPort(device: Placed): boolean {
  return addressOf(device, "usb")?.port !== undefined;
}

/**
 * Gives every USB device a port: hubs first, then the devices in their order, on the first bus with a free one.
 * @throws XML_INVALID for ports that do not exist or are taken, CONFIG_UNSUPPORTED when there are too few
 */
export function assignUsbPorts(
  controllers: readonly UsbBus[],
  hubs: readonly PlacedAt[],
  devices: readonly PlacedAt[],
): void {
  const buses = new Map<number, Ports>();
  for (const bus of controllers) {
    if (portsOf(bus) > 0) buses.set(bus.index, new Ports(portsOf(bus)));
  }
  for (const hub of hubs) if (hasUsbPort(hub.device)) reserve(buses, hub, new Ports(HUB_PORTS));
  for (const device of devices) if (hasUsbPort(device.device)) reserve(buses, device);
  for (const hub of hubs) if (!hasUsbPort(hub.device)) assign(buses, hub, new Ports(HUB_PORTS));
  for (const device of devices) {
    const { address } = device.device;
    if (!hasUsbPort(device.device) && (address === undefined || address.type === "usb"))
      assign(buses, device);
  }
}

type Buses = ReadonlyMap<number, Ports>;

function reserve(buses: Buses, { device, path }: PlacedAt, hub?: Ports): void {
  const address = addressOf(device, "usb");
  const bus = address?.bus ?? 0;
  const port = address?.port ?? "";
  let at = buses.get(bus);
  if (at === undefined)
    return refuse(`${path}/address/@bus`, `there is no USB controller with the index ${bus}`);
  const numbers = port.split(".").map(Number);
  for (const [i, number] of numbers.entries()) {
    if (!(number >= 1 && number <= at.count))
      return refuse(`${path}/address/@port`, `there is no port ${port} on USB bus ${bus}`);
    if (i === numbers.length - 1) break;
    const next = at.behind(number);
    if (next === undefined) {
      const parent = numbers.slice(0, i + 1).join(".");
      return refuse(
        `${path}/address/@port`,
        `there is no hub at port ${parent} of USB bus ${bus} for the port ${port}`,
      );
    }
    at = next;
  }
  const last = numbers.at(-1) ?? 0;
  if (at.isTaken(last))
    refuse(`${path}/address/@port`, `port ${port} of USB bus ${bus} is that of another device`);
  at.take(last, hub);
}

function assign(buses: Buses, { device, path }: PlacedAt, hub?: Ports): void {
  const wanted = addressOf(device, "usb")?.bus;
  if (wanted !== undefined && !buses.has(wanted))
    refuse(`${path}/address/@bus`, `there is no USB controller with the index ${wanted}`);
  const indexes = wanted === undefined ? [...buses.keys()].toSorted((a, b) => a - b) : [wanted];
  for (const index of indexes) {
    const free = buses.get(index)?.free();
    if (free === undefined) continue;
    device.address = { type: "usb", bus: index, port: free.join(".") };
    reserve(buses, { device, path }, hub);
    return;
  }
  refuse(path, "no USB port is left; add a USB controller or a hub", "CONFIG_UNSUPPORTED");
}
