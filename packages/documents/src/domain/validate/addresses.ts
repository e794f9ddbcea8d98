import type { Address } from "../devices/common.ts";
import { busOf } from "../devices/disk.ts";
import type { DomainDefinition } from "../model.ts";
import { allDevices, refuse } from "./refuse.ts";

/** Two devices cannot sit at the same place, nor be called the same. */
export function checkAddresses(definition: DomainDefinition): void {
  checkPlaces(definition);
  checkDrives(definition);
  checkAliases(definition);
  checkZpci(definition);
}

/** A text that two devices share only when they sit at the same place; undefined where nothing is fixed. */
function placeOf(address: Address): string | undefined {
  switch (address.type) {
    case "pci": {
      const { domain = 0, bus = 0, slot, function: f = 0 } = address;
      // All zero is what "assign one" looks like as well.
      if (slot === undefined || (domain === 0 && bus === 0 && slot === 0 && f === 0)) return undefined;
      return `PCI ${[domain, bus, slot, f].map((n) => n.toString(16)).join(":")}`;
    }
    case "virtio-serial":
      // Port 0 is of the console, or asks for one.
      if ((address.port ?? 0) === 0) return undefined;
      return `virtio-serial ${address.controller}:${address.bus}:${address.port}`;
    case "usb":
      return address.port === undefined ? undefined : `USB ${address.bus}:${address.port}`;
    case "ccw":
      if (address.devno === undefined) return undefined;
      return `CCW ${[address.cssid ?? 0, address.ssid ?? 0, address.devno].map((n) => n.toString(16)).join(".")}`;
    case "ccid":
      return `CCID ${address.controller}:${address.slot}`;
    case "drive":
    case "isa":
    case "dimm":
    case "spapr-vio":
    case "virtio-s390":
    case "virtio-mmio":
    case "unassigned":
      return undefined;
  }
}

function checkPlaces(definition: DomainDefinition): void {
  const taken = new Map<string, string>();
  for (const { list, device, path } of allDevices(definition)) {
    // The first console is the first serial port once more, with its address.
    if (list === "consoles" || device.address === undefined) continue;
    const place = placeOf(device.address);
    if (place === undefined) continue;
    const other = taken.get(place);
    if (other !== undefined) refuse(`${path}/address`, `the address ${place} is that of ${other} already`);
    taken.set(place, path);
  }
}

/** Disks by their bus, and SCSI devices of the host among SCSI disks. */
function checkDrives({ devices }: DomainDefinition): void {
  const taken = new Map<string, string>();
  const claim = (bus: string, address: Address | undefined, path: string) => {
    if (address?.type !== "drive") return;
    const place = `${bus} drive ${[address.controller, address.bus, address.target, address.unit].join(":")}`;
    const other = taken.get(place);
    if (other !== undefined) refuse(`${path}/address`, `the address ${place} is that of ${other} already`);
    taken.set(place, path);
  };
  devices.disks.forEach((disk, i) => claim(busOf(disk), disk.address, `devices/disk[${i + 1}]`));
  devices.hostdevs.forEach((hostdev, i) => {
    if (hostdev.type === "scsi") claim("scsi", hostdev.address, `devices/hostdev[${i + 1}]`);
  });
}

function checkAliases(definition: DomainDefinition): void {
  const taken = new Map<string, string>();
  for (const { list, device, path } of allDevices(definition)) {
    const { alias } = device;
    if (alias === undefined || list === "consoles" || !alias.startsWith("ua-")) continue;
    const other = taken.get(alias);
    if (other !== undefined) refuse(`${path}/alias`, `${other} is called ${alias} as well`);
    taken.set(alias, path);
  }
}

function checkZpci(definition: DomainDefinition): void {
  const uids = new Set<number>();
  const fids = new Set<number>();
  for (const { device, path } of allDevices(definition)) {
    const zpci = device.address?.type === "pci" ? device.address.zpci : undefined;
    if (zpci === undefined) continue;
    const { arch = "s390x" } = definition.os.type;
    if (!arch.startsWith("s390")) refuse(`${path}/address/zpci`, `a guest of ${arch} has no zPCI`);
    if (zpci.uid === 0) refuse(`${path}/address/zpci/@uid`, "the uid is 0", "it is from 0x0001 to 0xffff");
    if (zpci.uid !== undefined && uids.has(zpci.uid))
      refuse(`${path}/address/zpci/@uid`, `the uid ${zpci.uid} is that of another device`);
    if (zpci.fid !== undefined && fids.has(zpci.fid))
      refuse(`${path}/address/zpci/@fid`, `the fid ${zpci.fid} is that of another device`);
    if (zpci.uid !== undefined) uids.add(zpci.uid);
    if (zpci.fid !== undefined) fids.add(zpci.fid);
  }
}
