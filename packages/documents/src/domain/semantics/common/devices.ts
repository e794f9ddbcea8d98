import type { DevicesDraft, DomainDraft } from "../walk.ts";
import { refuse } from "../refuse.ts";
import { findController } from "./controllers.ts";

/** Memory of graphics cards in KiB, where the hypervisor's own default is not taken. */
function defaultVideoMemory(domainType: string, type: string): number {
  switch (type) {
    case "vga":
    case "cirrus":
    case "vmvga":
      return domainType === "vbox" ? 8192 : domainType === "vmware" ? 4096 : 16384;
    case "bochs":
      return 16384;
    case "xen":
      return 4096;
    case "qxl":
      return 65536;
    default:
      return 0;
  }
}

/** Sizes of video memory are powers of two. */
export function completeVideo(draft: DomainDraft, video: DevicesDraft["videos"][number]): void {
  const { model, driver } = video;
  // That is what VGA does when nothing is said.
  if (driver?.vgaconf === "io") delete driver.vgaconf;
  if (driver !== undefined && Object.keys(driver).length === 0) delete video.driver;
  if (model === undefined || model.type === "none") return;
  const memory = defaultVideoMemory(draft.type, model.type);
  const ram = model.ram || (model.type === "qxl" ? memory : 0);
  const vram = model.vram || memory;
  model.heads ??= 1;
  if (ram > 0) model.ram = powerOfTwo(ram);
  if (vram > 0) model.vram = powerOfTwo(vram);
}

export function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}

/** The first screen is the primary one; there is nothing to say about a guest without any. */
export function completePrimaryVideo(draft: DomainDraft): void {
  const [video] = draft.devices.videos;
  if (video?.model === undefined) return;
  if (video.model.type !== "none") {
    video.model.primary = true;
    return;
  }
  const { alias } = video;
  draft.devices.videos[0] = { model: { type: "none" }, ...(alias === undefined ? {} : { alias }) };
}

/** The screen that says so comes first. */
export function orderVideos(draft: DomainDraft): void {
  const { videos } = draft.devices;
  const primary = videos.filter((v) => v.model?.primary === true);
  if (primary.length > 1)
    refuse("devices/video/model/@primary", "only one screen can be the primary one", "CONFIG_UNSUPPORTED");
  draft.devices.videos = [...primary, ...videos.filter((v) => v.model?.primary !== true)];
}

/** Units of SCSI controllers that a device can have; the adapter itself takes one on some. */
const SCSI_UNITS: ReadonlyMap<string, { readonly last?: number; readonly own?: number }> = new Map([
  ["virtio-scsi", { last: 16383 }],
  ["virtio-transitional", { last: 16383 }],
  ["virtio-non-transitional", { last: 16383 }],
  ["ibmvscsi", { last: 31, own: 7 }],
  ["lsisas1068", { last: 1 }],
  ["lsisas1078", { last: 255 }],
  ["lsilogic", { own: 7 }],
  ["vmpvscsi", { own: 7 }],
  ["buslogic", { own: 7 }],
  ["ncr53c90", { last: 6 }],
  ["dc390", { last: 6 }],
  ["am53c974", { last: 6 }],
]);

/** Gives a SCSI device of the host the next free unit, on further controllers when one is full. */
export function placeScsiHostdev(
  draft: DomainDraft,
  hostdev: DevicesDraft["hostdevs"][number],
  unitsPerBus: 7 | 16,
): void {
  const { devices } = draft;
  const used = (controller: number, unit: number) => {
    const limits = SCSI_UNITS.get(findController(draft, "scsi", controller)?.model ?? "");
    if (limits?.last !== undefined && unit > limits.last) return true;
    if (limits?.own === unit) return true;
    return [
      ...devices.disks.filter((d) => d.target.bus === "scsi"),
      ...devices.hostdevs.filter((h) => h.type === "scsi"),
    ].some(
      ({ address: a }) =>
        a?.type === "drive" &&
        a.controller === controller &&
        a.bus === 0 &&
        a.target === 0 &&
        a.unit === unit,
    );
  };
  for (let controller = 0; ; controller += 1) {
    for (let unit = 0; unit < unitsPerBus; unit += 1) {
      if (used(controller, unit)) continue;
      hostdev.address = { type: "drive", controller, bus: 0, target: 0, unit };
      return;
    }
  }
}

/** A SCSI device of the host must not sit where a disk does. */
export function checkScsiHostdev(
  draft: DomainDraft,
  { address }: DevicesDraft["hostdevs"][number],
  path: string,
): void {
  if (address?.type !== "drive") return;
  const disk = draft.devices.disks.find(
    ({ target, address: a }) =>
      target.bus === "scsi" &&
      a?.type === "drive" &&
      a.controller === address.controller &&
      a.bus === address.bus &&
      a.target === address.target &&
      a.unit === address.unit,
  );
  if (disk !== undefined) refuse(`${path}/address`, `the SCSI disk ${disk.target.dev} has the same address`);
}

/** Models of network cards that are known whatever their case. */
const CARDS = [
  "netfront",
  "rtl8139",
  "virtio",
  "e1000",
  "e1000e",
  "igb",
  "virtio-transitional",
  "virtio-non-transitional",
  "usb-net",
  "spapr-vlan",
  "lan9118",
  "smc91c111",
  "vlance",
  "vmxnet",
  "vmxnet2",
  "vmxnet3",
  "am79c970a",
  "am79c973",
  "82540em",
  "82545em",
  "82543gc",
];

/** USB counts versions in hundredths: 2.1 is 2.10. */
function usbVersion(version: string): string {
  const [major = "", minor = ""] = version.split(".");
  return `${major}.${minor.padEnd(2, "0")}`;
}

/** What other devices are even when they do not say so. */
export function completeSmallDevices({ devices }: DomainDraft): void {
  for (const hostdev of devices.hostdevs) {
    switch (hostdev.type) {
      case "storage":
      case "misc":
      case "net":
        break;
      default:
        hostdev.managed ??= false;
    }
  }
  for (const nic of devices.interfaces) {
    const known = CARDS.find((card) => card === nic.model?.toLowerCase());
    if (known !== undefined) nic.model = known;
  }
  for (const { backend } of devices.rngs) {
    if (backend.model === "random") backend.path ??= "/dev/random";
  }
  for (const filesystem of devices.filesystems) {
    for (const name of ["fmode", "dmode"] as const)
      if (filesystem[name] !== undefined) filesystem[name] = filesystem[name].padStart(4, "0");
    const socket =
      (filesystem.type === "mount" || filesystem.type === "bind") && filesystem.source?.socket !== undefined;
    if (!socket) filesystem.accessmode ??= "passthrough";
  }
  for (const vsock of devices.vsocks) {
    const { address } = vsock.cid ?? {};
    vsock.cid = { ...vsock.cid, auto: vsock.cid?.auto ?? address === undefined };
  }
  for (const shmem of devices.shmems) {
    if (shmem.msi?.enabled === false) delete shmem.msi;
    else if (shmem.msi !== undefined) delete shmem.msi.enabled;
  }
  for (const usbdev of devices.redirfilter?.devices ?? []) {
    for (const name of ["class", "vendor", "product"] as const) if (usbdev[name] === -1) delete usbdev[name];
    if (usbdev.version === "-1") delete usbdev.version;
    else if (usbdev.version !== undefined) usbdev.version = usbVersion(usbdev.version);
  }
  for (const device of [...devices.disks, ...devices.interfaces, ...devices.hostdevs]) {
    if (device.boot?.loadparm !== undefined) device.boot.loadparm = device.boot.loadparm.toUpperCase();
  }
  // What the guest writes shall be in the file.
  for (const memory of devices.memories) if (memory.model === "virtio-pmem") memory.access ??= "shared";
}
