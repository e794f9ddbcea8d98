import type { Devices } from "../devices.ts";
import { busOf } from "../devices/disk.ts";
import type { DeviceListName } from "../one-device.ts";

/** What of a guest that runs can be set, devices apart. */
export const LIVE_SETTINGS: ReadonlySet<string> = new Set([
  ...["title", "description", "metadata", "currentMemory", "vcpu/current", "vcpus"],
  ...["iothreads", "iothreadIds", "cputune", "memtune", "blkiotune", "perf"],
  ...["onPoweroff", "onReboot", "onCrash"],
]);

type Device<L extends DeviceListName> = Devices[L][number];

const PLUGGABLE: { readonly [L in DeviceListName]?: (device: Device<L>) => boolean } = {
  disks: (d) => d.device !== "floppy" && ["virtio", "scsi", "usb"].includes(busOf(d)),
  controllers: (d) => d.type === "scsi",
  leases: () => true,
  filesystems: (d) => d.driver?.type === "virtiofs",
  interfaces: () => true,
  serials: (d) => d.target?.type === "usb-serial" || d.target?.type === "pci-serial",
  channels: (d) => d.target.type === "virtio",
  inputs: (d) => d.bus === "usb" || d.bus === "virtio",
  hostdevs: () => true,
  redirdevs: () => true,
  watchdogs: (d) => d.model === "i6300esb",
  rngs: () => true,
  shmems: (d) => d.model !== undefined && d.model !== "ivshmem",
  memories: (d) => d.model !== "sgx-epc",
  vsocks: () => true,
  cryptos: () => true,
};

/** Whether a guest that runs can be given such a device, and have it taken away. */
export function canPlug(list: DeviceListName, device: object): boolean {
  const rule = PLUGGABLE[list] as ((device: object) => boolean) | undefined;
  return rule?.(device) ?? false;
}

const LIVE_FIELDS: { readonly [L in DeviceListName]?: RegExp } = {
  disks: /^(iotune|throttleFilters)(\/|$)/,
  interfaces:
    /^(type|source|link|bandwidth|filterref|trustGuestRxFilters|coalesce|vlan|portOptions|virtualport)(\/|$)/,
  graphics: /^(passwd|passwdValidTo|connected)$/,
  memballoons: /^stats(\/|$)/,
  memories: /^target\/requested$/,
};

/** What is in a drive can be changed; the drive stays. */
const MEDIUM = /^(type|source|backingStore|startupPolicy|driver\/type)(\/|$)/;

/** Whether that field of such a device can change while the guest runs. */
export function changesLive(list: DeviceListName, device: object, path: string): boolean {
  if (LIVE_FIELDS[list]?.test(path) === true) return true;
  const drive = "device" in device ? device.device : undefined;
  return list === "disks" && (drive === "cdrom" || drive === "floppy") && MEDIUM.test(path);
}
