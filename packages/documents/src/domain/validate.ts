import { VirtError } from "@virtmesh/core/errors";
import { checkDomainName } from "@virtmesh/core/ids";
import type { Address } from "./devices/common.ts";
import { DEVICE_LISTS } from "./devices.ts";
import { busOf, sourcePath } from "./devices/disk.ts";
import type { DomainDefinition } from "./model.ts";
import { nvramPath } from "./os.ts";

/**
 * Checks what single elements cannot know.
 * @throws XML_INVALID naming the device and the value, INVALID_NAME
 */
export function validateDomain(definition: DomainDefinition): void {
  checkDomainName(definition.name);
  checkMemory(definition);
  checkVcpus(definition);
  checkDisks(definition);
  checkFirmwarePaths(definition);
  checkInterfaces(definition);
  checkAddresses(definition);
  checkControllers(definition);
  checkBootOrder(definition);
}

function refuse(path: string, description: string): never {
  throw new VirtError("XML_INVALID", `${description} at /domain/${path}`, {
    metadata: { path: `/domain/${path}` },
    violations: [{ field: `/domain/${path}`, description }],
  });
}

function checkMemory({ memory, currentMemory, maxMemory }: DomainDefinition): void {
  if (memory.bytes === 0n) refuse("memory", "a guest needs some memory, it has 0");
  if (currentMemory !== undefined && currentMemory.bytes > memory.bytes) {
    refuse("currentMemory", `${currentMemory.bytes} bytes are more than the ${memory.bytes} of <memory>`);
  }
  if (maxMemory !== undefined && maxMemory.bytes < memory.bytes) {
    refuse("maxMemory", `${maxMemory.bytes} bytes are less than the ${memory.bytes} of <memory>`);
  }
}

function checkVcpus({ vcpu, cpu }: DomainDefinition): void {
  if (vcpu.current !== undefined && vcpu.current > vcpu.count) {
    refuse("vcpu/@current", `${vcpu.current} virtual CPUs are more than the most, ${vcpu.count}`);
  }
  const topology = cpu?.topology;
  if (topology === undefined) return;
  const { sockets, dies = 1, clusters = 1, cores, threads } = topology;
  const threadsInAll = sockets * dies * clusters * cores * threads;
  if (threadsInAll !== vcpu.count) {
    refuse("cpu/topology", `a topology of ${threadsInAll} threads does not fit ${vcpu.count} virtual CPUs`);
  }
}

/** Targets become names of block nodes, which QEMU bounds to 31 characters. */
const TARGET = /^[A-Za-z][A-Za-z0-9]{1,15}$/;

function checkDisks({ devices }: DomainDefinition): void {
  const targets = new Set<string>();
  for (const [i, disk] of devices.disks.entries()) {
    const { dev } = disk.target;
    const path = `devices/disk[${i + 1}]`;
    if (!TARGET.test(dev)) refuse(`${path}/target/@dev`, `"${dev}" is no name of a disk such as vda`);
    if (targets.has(dev)) refuse(`${path}/target/@dev`, `two disks are called ${dev}`);
    targets.add(dev);
    const source = sourcePath(disk);
    if (source !== undefined && !source.startsWith("/")) {
      refuse(`${path}/source`, `the path "${source}" of disk ${dev} is not absolute`);
    }
    const removable = disk.device === "cdrom" || disk.device === "floppy";
    if (source === undefined && !removable)
      refuse(path, `disk ${dev} has no source, which only a cdrom or floppy may`);
    if (disk.device === "floppy" && busOf(disk) !== "fdc") {
      refuse(`${path}/target/@bus`, `floppy ${dev} is on bus ${busOf(disk)}, it must be fdc`);
    }
  }
}

function checkFirmwarePaths({ os }: DomainDefinition): void {
  const paths = {
    loader: os.loader?.path,
    nvram: nvramPath(os),
    kernel: os.kernel,
    initrd: os.initrd,
    dtb: os.dtb,
  };
  for (const [name, path] of Object.entries(paths)) {
    if (path !== undefined && !path.startsWith("/"))
      refuse(`os/${name}`, `the path "${path}" is not absolute`);
  }
}

function checkInterfaces({ devices }: DomainDefinition): void {
  const macs = new Set<string>();
  for (const [i, nic] of devices.interfaces.entries()) {
    const address = nic.mac?.address;
    if (address === undefined) continue;
    const path = `devices/interface[${i + 1}]/mac`;
    if (Number.parseInt(address.slice(0, 2), 16) % 2 === 1)
      refuse(path, `the MAC address ${address} is a multicast one`);
    if (macs.has(address)) refuse(path, `two interfaces have the MAC address ${address}`);
    macs.add(address);
  }
}

/** A text that two devices share only when they sit at the same place; undefined where nothing is fixed. */
function placeOf(address: Address): string | undefined {
  if (address.type === "pci" && address.slot !== undefined) {
    return `PCI ${[address.domain ?? 0, address.bus ?? 0, address.slot, address.function ?? 0].join(":")}`;
  }
  if (address.type === "virtio-serial" && address.port !== undefined) {
    return `virtio-serial ${address.controller}:${address.bus}:${address.port}`;
  }
  if (address.type === "usb" && address.port !== undefined) return `USB ${address.bus}:${address.port}`;
  return undefined;
}

function checkAddresses({ devices }: DomainDefinition): void {
  const taken = new Map<string, string>();
  const claim = (place: string | undefined, path: string) => {
    if (place === undefined) return;
    const other = taken.get(place);
    if (other !== undefined) refuse(`${path}/address`, `the address ${place} is that of ${other} already`);
    taken.set(place, path);
  };
  for (const [list, name] of DEVICE_LISTS) {
    // The first console is the first serial port once more, with its address.
    if (list === "consoles") continue;
    for (const [i, { address }] of devices[list].entries()) {
      if (address !== undefined) claim(placeOf(address), `devices/${name}[${i + 1}]`);
    }
  }
  for (const [i, disk] of devices.disks.entries()) {
    const { address } = disk;
    if (address?.type !== "drive") continue;
    const place = [address.controller, address.bus, address.target, address.unit].join(":");
    claim(`${busOf(disk)} drive ${place}`, `devices/disk[${i + 1}]`);
  }
}

function checkControllers({ devices }: DomainDefinition): void {
  const seen = new Set<string>();
  for (const [i, controller] of devices.controllers.entries()) {
    if (controller.index === undefined) continue;
    // The USB 2 controllers of ICH9 are several devices that make up one bus.
    const companion = controller.type === "usb" && controller.model?.startsWith("ich9-") === true;
    const name = `${controller.type} ${controller.index}${companion ? ` ${controller.model}` : ""}`;
    if (seen.has(name)) refuse(`devices/controller[${i + 1}]/@index`, `two controllers are ${name}`);
    seen.add(name);
  }
}

function checkBootOrder({ os, devices }: DomainDefinition): void {
  const taken = new Map<number, string>();
  for (const [i, device] of [...devices.disks, ...devices.interfaces].entries()) {
    const order = device.boot?.order;
    if (order === undefined) continue;
    const disk = i < devices.disks.length;
    const path = disk ? `devices/disk[${i + 1}]` : `devices/interface[${i + 1 - devices.disks.length}]`;
    if (os.boot.length > 0)
      refuse(`${path}/boot`, "the order of devices and <boot> of <os> exclude each other");
    const other = taken.get(order);
    if (other !== undefined)
      refuse(`${path}/boot`, `the place ${order} in the boot order is that of ${other} already`);
    taken.set(order, path);
  }
}
