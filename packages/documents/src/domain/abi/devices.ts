import type { Address } from "../devices/common.ts";
import { channelName, deviceKey } from "../device-keys.ts";
import { busOf } from "../devices/disk.ts";
import type { Devices } from "../devices.ts";
import { DEVICE_LISTS } from "../devices.ts";
import type { DeviceListName } from "../one-device.ts";
import { without } from "../without.ts";
import type { Facts } from "../facts.ts";
import { flatten } from "../facts.ts";

type Device<L extends DeviceListName> = Devices[L][number];

/** What a guest sees of a device, besides its address. */
type View<L extends DeviceListName> = (device: Device<L>) => object;

/** For every kind of device; undefined for those that only the host sees. */
const VIEWS: { readonly [L in DeviceListName]: View<L> | undefined } = {
  disks: diskView,
  controllers: controllerView,
  interfaces: interfaceView,
  filesystems: filesystemView,
  leases: undefined,
  smartcards: () => ({}),
  serials: portView,
  parallels: portView,
  consoles: portView,
  channels: (d) => ({ target: { ...without(d.target, "state"), name: channelName(d) } }),
  inputs: (d) => ({
    ...{ type: d.type, bus: d.bus, model: d.model },
    driver: "driver" in d ? virtioView(d.driver) : undefined,
  }),
  tpms: tpmView,
  graphics: undefined,
  sounds: (d) => ({
    ...without(d, "alias", "audio", "address", "acpiIndex"),
    driver: virtioView(d.driver),
  }),
  audios: undefined,
  videos: videoView,
  hostdevs: hostdevView,
  redirdevs: (d) => ({ bus: d.bus, type: d.type }),
  hubs: (d) => ({ type: d.type }),
  watchdogs: (d) => ({ model: d.model }),
  memballoons: (d) => ({
    ...{ model: d.model, autodeflate: d.autodeflate, freePageReporting: d.freePageReporting },
    driver: virtioView(d.driver),
  }),
  // Where random numbers come from is the host's business.
  rngs: (d) => ({ model: d.model, driver: virtioView(d.driver) }),
  panics: (d) => ({ model: d.model }),
  shmems: shmemView,
  memories: memoryView,
  iommus: (d) => ({ model: d.model, driver: d.driver }),
  vsocks: (d) => ({ model: d.model, driver: virtioView(d.driver) }),
  cryptos: (d) => ({
    ...{ model: d.model, type: d.type, queues: d.backend.queues },
    driver: virtioView(d.driver),
  }),
};

/** Writes down what a guest sees of its devices. */
export function addDevices(facts: Facts, devices: Devices): void {
  for (const [list, element] of DEVICE_LISTS) addList(facts, list, element, devices);
  const { nvram, pstore, redirfilter } = devices;
  if (nvram !== undefined) flatten(facts, "devices/nvram", placed(nvram, {}));
  if (pstore !== undefined)
    flatten(facts, "devices/pstore", placed(pstore, { backend: pstore.backend, size: pstore.size }));
  if (redirfilter !== undefined) flatten(facts, "devices/redirfilter", redirfilter.devices);
}

function addList<L extends DeviceListName>(facts: Facts, list: L, element: string, devices: Devices): void {
  const view = VIEWS[list];
  if (view === undefined) return;
  const all: readonly Device<L>[] = devices[list];
  // A balloon of the model "none" is none.
  const present = all.filter((d) => list !== "memballoons" || !("model" in d) || d.model !== "none");
  for (const [i, device] of present.entries()) {
    const key = deviceKey(list, device, i + 1) ?? String(i + 1);
    flatten(facts, `devices/${element}[${key}]`, placed(device, view(device)));
  }
}

interface Placed {
  readonly address?: Address;
  readonly acpiIndex?: number;
}

function placed(device: object, seen: object): object {
  const { address, acpiIndex } = device as Placed;
  return { present: true, ...seen, acpiIndex, address: addressView(address) };
}

/** Numbers left out of an address are 0. */
function addressView(address: Address | undefined): object | undefined {
  if (address?.type !== "pci" || address.slot === undefined) return address;
  return { domain: 0, bus: 0, function: 0, ...address };
}

interface Virtio {
  readonly iommu?: boolean;
  readonly ats?: boolean;
  readonly packed?: boolean;
  readonly pagePerVq?: boolean;
}

/** Of the attributes of `<driver>`, those that change how the guest talks to the device. */
function virtioView(driver: Virtio | undefined): object | undefined {
  if (driver === undefined) return undefined;
  const { iommu, ats, packed, pagePerVq } = driver;
  return { iommu, ats, packed, pagePerVq };
}

function diskView(disk: Device<"disks">): object {
  const { driver } = disk;
  return {
    device: disk.device,
    model: disk.model,
    bus: busOf(disk),
    rotationRate: disk.target.rotationRate,
    removable: disk.target.removable,
    readonly: disk.readonly === true || disk.device === "cdrom",
    serial: disk.serial,
    wwn: disk.wwn,
    vendor: disk.vendor,
    product: disk.product,
    blockio: disk.blockio,
    geometry: disk.geometry,
    queues: driver?.queues,
    queueSize: driver?.queueSize,
    ...virtioView(driver),
  };
}

function interfaceView(nic: Device<"interfaces">): object {
  const { driver } = nic;
  return {
    model: nic.model,
    mtu: nic.mtu,
    queues: driver?.queues,
    rxQueueSize: driver?.rxQueueSize,
    txQueueSize: driver?.txQueueSize,
    rss: driver?.rss,
    offloads: { host: driver?.host, guest: driver?.guest },
    ...virtioView(driver),
    rom: nic.rom,
  };
}

function controllerView(controller: Device<"controllers">): object {
  const { driver } = controller;
  return {
    ...without(controller, "alias", "index", "address", "acpiIndex"),
    // Which thread of the host serves it is not seen.
    driver: driver === undefined ? undefined : without(driver, "iothread"),
  };
}

function filesystemView(filesystem: Device<"filesystems">): object {
  const { driver } = filesystem;
  return {
    driver: driver?.type ?? "path",
    model: filesystem.model,
    readonly: filesystem.readonly === true,
    ...virtioView(driver),
  };
}

function portView({ target }: Device<"serials">): object {
  return { target: { type: target?.type, model: target?.model } };
}

function tpmView({ model, backend }: Device<"tpms">): object {
  const emulator = backend.type === "emulator" ? backend : undefined;
  return {
    model,
    backend: { type: backend.type, version: emulator?.version },
    banks: Object.keys(emulator?.activePcrBanks?.banks ?? {})
      .toSorted()
      .join(","),
  };
}

function videoView({ model, driver }: Device<"videos">): object {
  const acceleration = model?.acceleration;
  return {
    model: model === undefined ? undefined : { ...without(model, "acceleration") },
    acceleration: acceleration === undefined ? undefined : without(acceleration, "rendernode"),
    driver: { ...virtioView(driver), vgaconf: driver?.vgaconf },
  };
}

/** Which device of the host it is differs between hosts, or the guest would have to stay on its own. */
function hostdevView(device: Device<"hostdevs">): object {
  const { type, mode } = device;
  return {
    mode,
    type,
    model: "model" in device ? device.model : undefined,
    readonly: device.readonly,
    display: device.type === "mdev" ? { display: device.display, ramfb: device.ramfb } : undefined,
  };
}

function shmemView({ model, role, size, server, msi }: Device<"shmems">): object {
  return { model, role, size, server: server !== undefined, msi };
}

function memoryView({ model, uuid, source, target }: Device<"memories">): object {
  return {
    model,
    uuid,
    size: target.size,
    node: target.node,
    label: target.label?.size,
    readonly: target.readonly,
    block: target.block,
    requested: target.requested,
    ...(model === "nvdimm" ? { alignsize: source?.alignsize, pmem: source?.pmem } : {}),
  };
}
