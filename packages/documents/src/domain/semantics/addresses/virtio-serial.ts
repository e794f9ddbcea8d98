import { refuse } from "../refuse.ts";
import type { PlacedAt } from "./placed.ts";
import { addressOf } from "./placed.ts";

/** Ports of a virtio-serial controller that does not say how many it has. */
const DEFAULT_PORTS = 31;

export interface SerialController {
  readonly index: number;
  readonly ports: number | undefined;
}

/**
 * Gives consoles and channels on virtio-serial their ports. Port 0 is only for consoles. `addController` makes
 * another controller when all are full.
 */
export function assignSerialPorts(
  controllers: readonly SerialController[],
  consoles: readonly PlacedAt[],
  channels: readonly PlacedAt[],
  addController: (index: number) => void,
): void {
  const ports = new Map<number, Set<number>>();
  const counts = new Map<number, number>();
  const add = ({ index, ports: count }: SerialController) => {
    ports.set(index, new Set());
    counts.set(index, count ?? DEFAULT_PORTS);
  };
  for (const controller of controllers) add(controller);
  const free = (index: number, from: number): number | undefined => {
    const count = counts.get(index) ?? 0;
    for (let port = from; port < count; port += 1) if (ports.get(index)?.has(port) === false) return port;
    return undefined;
  };
  const take = (index: number, port: number, path: string) => {
    const taken = ports.get(index);
    if (taken === undefined)
      return refuse(`${path}/address/@controller`, `there is no virtio-serial controller ${index}`);
    if (port >= (counts.get(index) ?? 0))
      refuse(`${path}/address/@port`, `the virtio-serial controller ${index} has no port ${port}`);
    if (taken.has(port))
      refuse(`${path}/address/@port`, `port ${port} of the virtio-serial controller ${index} is taken`);
    taken.add(port);
  };
  for (const { device, path } of [...channels, ...consoles]) {
    const address = addressOf(device, "virtio-serial");
    if (address !== undefined && (address.port ?? 0) !== 0) take(address.controller, address.port ?? 0, path);
  }
  const assign = ({ device, path }: PlacedAt, first: number) => {
    const address = addressOf(device, "virtio-serial");
    if ((address?.port ?? 0) !== 0) return;
    if (address !== undefined) {
      // Port 0 that is written down means any port of that controller.
      const port = free(address.controller, 1);
      if (port === undefined)
        return refuse(path, `the virtio-serial controller ${address.controller} has no free port`);
      if (first === 1) device.address = { ...address, bus: 0, port };
      take(address.controller, port, path);
      return;
    }
    const indexes = [...ports.keys()].toSorted((a, b) => a - b);
    let index = indexes.find((i) => free(i, first) !== undefined);
    if (index === undefined) {
      index = 0;
      while (ports.has(index)) index += 1;
      addController(index);
      add({ index, ports: undefined });
    }
    const port = free(index, first) ?? first;
    take(index, port, path);
    // A console keeps no address of its own: QEMU gives it the same port.
    if (first === 1) device.address = { type: "virtio-serial", controller: index, bus: 0, port };
  };
  for (const console of consoles) assign(console, 0);
  for (const channel of channels) assign(channel, 1);
}
