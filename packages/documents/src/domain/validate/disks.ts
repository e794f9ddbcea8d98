import { refuseAt } from "../../schema/refuse.ts";
import type { Disk, DiskBus } from "../devices/disk.ts";
import { busOf, sourcePath } from "../devices/disk.ts";
import type { Encryption } from "../devices/storage-source.ts";
import type { DomainDefinition } from "../model.ts";
import { isQemu, numbered, refuse } from "./refuse.ts";

/** Disks, what they are made of, and their names. */
export function checkDisks(definition: DomainDefinition): void {
  const targets = new Set<string>();
  for (const [disk, path] of numbered(definition.devices.disks, "devices/disk")) {
    checkTarget(disk, path, definition);
    // In files of VMware two can have the same name.
    if (targets.has(disk.target.dev) && definition.type !== "vmware")
      refuse(`${path}/target/@dev`, `two disks are called ${disk.target.dev}`);
    targets.add(disk.target.dev);
    checkSource(disk, path);
    checkSecrets(disk, path);
    checkKind(disk, path);
    // bhyve puts each disk on PCI by itself.
    if (definition.type !== "bhyve") checkAddressKind(disk, path);
    checkTuning(disk, path);
    if (isQemu(definition)) {
      checkFormat(disk, path);
      checkPath(disk, path);
    }
  }
}

const PREFIX: ReadonlyMap<Disk["device"], readonly string[]> = new Map([
  ["disk", ["hd", "sd", "vd", "xvd", "ubd", "nvme"]],
  ["lun", ["hd", "sd", "vd", "xvd", "ubd", "nvme"]],
  ["floppy", ["fd"]],
]);

function checkTarget(disk: Disk, path: string, definition: DomainDefinition): void {
  const { target, device } = disk;
  const place = `${path}/target/@dev`;
  const prefixes = PREFIX.get(device);
  const name = target.dev.replace(/^ioemu:/, "");
  if (prefixes !== undefined && !prefixes.some((prefix) => name.startsWith(prefix)))
    refuse(place, `"${target.dev}" is no name of a ${device}`, `it begins with ${prefixes.join(", ")}`);
  if (isQemu(definition) && /^[a-z]+d[a-z]+\d+$/.test(name) && !name.startsWith("xvd"))
    refuse(place, `"${target.dev}" is a partition`, "give the guest a whole disk");
  const bus = busOf(disk);
  if (device === "floppy" && bus !== "fdc")
    refuse(`${path}/target/@bus`, `floppy ${target.dev} is on bus ${bus}, it must be fdc`);
  if (device !== "floppy" && bus === "fdc")
    refuse(`${path}/target/@bus`, `${target.dev} is a ${device}, only a floppy can be on bus fdc`);
  if (target.tray !== undefined && device !== "cdrom" && device !== "floppy")
    refuse(`${path}/target/@tray`, `a ${device} has no tray`);
  if (target.removable !== undefined && bus !== "usb")
    refuse(`${path}/target/@removable`, `a disk on bus ${bus} is as removable as its bus`);
}

/** Whether it is known where the bytes are. */
function isEmpty(disk: Disk): boolean {
  const { source } = disk;
  if (source === undefined) return true;
  switch (disk.type) {
    case "file":
      return disk.source?.file === undefined;
    case "block":
    case "vhostvdpa":
      return disk.source?.dev === undefined;
    case "dir":
      return disk.source?.dir === undefined;
    case "network":
    case "volume":
    case "nvme":
    case "vhostuser":
      return false;
  }
}

function checkSource(disk: Disk, path: string): void {
  const removable = disk.device === "cdrom" || disk.device === "floppy";
  const label = disk.source?.seclabels.some(({ labelskip }) => labelskip !== undefined) ?? false;
  if (isEmpty(disk) && disk.device === "disk" && !label)
    refuse(path, `disk ${disk.target.dev} has no source, which only a cdrom or floppy may`);
  if (disk.type === "network" && disk.source === undefined)
    refuse(path, "a drive on the network has no server", "make an empty drive of type='file'");
  const models = (disk.source?.seclabels ?? []).map(({ model }) => model);
  if (models.length > 1 && models.includes(undefined))
    refuse(`${path}/source/seclabel`, "of several labels each must name its model");
  if (new Set(models).size < models.length)
    refuse(`${path}/source/seclabel`, "two labels are of the same model");
  const policy = disk.source?.startupPolicy;
  if (policy === "requisite" && !removable)
    refuse(`${path}/source/@startupPolicy`, "requisite is for a cdrom or floppy", "use mandatory");
  if (policy !== undefined && (disk.type === "network" || disk.type === "nvme"))
    refuse(`${path}/source/@startupPolicy`, `a disk of type ${disk.type} is there always`);
}

/** SSH is the one protocol without anonymous access. @throws XML_INVALID at `path`, the disk's place in its document */
export function checkLogin(disk: Disk, path: string): void {
  if (disk.type !== "network" || disk.source?.protocol !== "ssh") return;
  if ((disk.auth ?? disk.source.auth ?? disk.source.identity) === undefined)
    refuseAt(`${path}/source`, "nobody logs in at the SSH server", "give <auth> or <identity>");
}

function checkSecrets(disk: Disk, path: string): void {
  if (disk.auth !== undefined && disk.source?.auth !== undefined)
    refuse(`${path}/auth`, "the source says already who logs in", "leave one of the two out");
  if (disk.encryption !== undefined && disk.source?.encryption !== undefined)
    refuse(`${path}/encryption`, "the source says already how it is encrypted");
  const encryption = disk.encryption ?? disk.source?.encryption;
  if (encryption !== undefined) checkEncryption(encryption, disk, path);
  const auth = disk.auth ?? disk.source?.auth;
  if (disk.type !== "network") return;
  checkLogin(disk, `/domain/${path}`);
  if (auth === undefined) return;
  const { protocol } = disk.source ?? {};
  const wanted = protocol === "iscsi" ? "iscsi" : protocol === "rbd" ? "ceph" : undefined;
  const type = auth.secret?.type;
  if (type !== undefined && !["iscsi", "ceph", "volume", "tls", "vtpm"].includes(type))
    refuse(`${path}/auth/secret/@type`, `"${type}" is no kind of secret`, "it is iscsi or ceph");
  if (type !== undefined && wanted !== undefined && type !== wanted)
    refuse(`${path}/auth/secret/@type`, `a secret of ${type} is of no use for ${protocol}`);
  if (auth.secret !== undefined && type === undefined && wanted !== undefined)
    refuse(`${path}/auth/secret`, "the secret has no type", `add type='${wanted}'`);
  if (auth.secret !== undefined && auth.secret.uuid !== undefined && auth.secret.usage !== undefined)
    refuse(`${path}/auth/secret`, "a secret is named by its UUID or by its usage, not by both");
}

function checkEncryption(encryption: Encryption, disk: Disk, path: string): void {
  if (encryption.format === "luks" && encryption.cipher !== undefined)
    refuse(`${path}/encryption/cipher`, "the image says itself how it is encrypted", "leave it out");
  const format = disk.driver?.type;
  const byServer = encryption.engine === "librbd";
  if (format !== undefined && format !== "raw" && format !== "qcow2" && !byServer)
    refuse(`${path}/encryption`, `an image of format ${format} cannot be encrypted`);
}

function checkKind(disk: Disk, path: string): void {
  const bus = busOf(disk);
  if (disk.device === "lun") {
    const possible = disk.type === "block" || disk.type === "volume" || disk.type === "network";
    if (!possible)
      refuse(`${path}/@device`, `a lun is a device of the host, not of type ${disk.type}`, "use block");
    if (disk.driver?.type !== undefined && disk.driver.type !== "raw")
      refuse(`${path}/driver/@type`, `a lun has no format, not ${disk.driver.type}`, "use raw");
  } else {
    if (disk.rawio !== undefined) refuse(`${path}/@rawio`, "only a lun has raw I/O");
    if (disk.sgio !== undefined) refuse(`${path}/@sgio`, "only a lun passes SCSI commands on");
    if (disk.source?.reservations !== undefined)
      refuse(`${path}/source/reservations`, "only a lun has reservations");
  }
  if (disk.model !== undefined && bus !== "virtio")
    refuse(`${path}/@model`, `a disk on bus ${bus} has no model ${disk.model}`);
  const { vendor = "", product = "" } = disk;
  if (vendor.length > 8) refuse(`${path}/vendor`, `"${vendor}" is longer than 8 characters`);
  if (product.length > 16) refuse(`${path}/product`, `"${product}" is longer than 16 characters`);
  if ((vendor !== "" || product !== "") && bus !== "scsi")
    refuse(`${path}/vendor`, `a disk on bus ${bus} does not tell its vendor and product, only on scsi`);
  const { driver } = disk;
  if (bus === "virtio" || driver === undefined) return;
  for (const [name, value] of Object.entries({
    queues: driver.queues,
    event_idx: driver.eventIdx,
    ioeventfd: driver.ioeventfd,
    iommu: driver.iommu,
    ats: driver.ats,
    packed: driver.packed,
    page_per_vq: driver.pagePerVq,
  })) {
    if (value !== undefined)
      refuse(`${path}/driver/@${name}`, `only a disk on bus virtio has ${name}, not one on ${bus}`);
  }
}

const ADDRESSES: Readonly<Partial<Record<DiskBus, readonly string[]>>> = {
  ide: ["drive"],
  fdc: ["drive"],
  scsi: ["drive"],
  sata: ["drive"],
  usb: ["usb"],
};

function checkAddressKind(disk: Disk, path: string): void {
  const { address } = disk;
  const kinds = ADDRESSES[busOf(disk)];
  if (address === undefined || kinds === undefined || kinds.includes(address.type)) return;
  refuse(
    `${path}/address/@type`,
    `${disk.target.dev} on bus ${busOf(disk)} has an address of type ${address.type}`,
    `it must be ${kinds.join(" or ")}`,
  );
}

/** Pairs of a total with its parts: one of the two is limited. */
const LIMITS = [
  ["totalBytesSec", "readBytesSec", "writeBytesSec"],
  ["totalIopsSec", "readIopsSec", "writeIopsSec"],
  ["totalBytesSecMax", "readBytesSecMax", "writeBytesSecMax"],
  ["totalIopsSecMax", "readIopsSecMax", "writeIopsSecMax"],
] as const;

function checkTuning({ iotune }: Disk, path: string): void {
  if (iotune === undefined) return;
  for (const [total, read, write] of LIMITS) {
    if ((iotune[total] ?? 0n) > 0n && ((iotune[read] ?? 0n) > 0n || (iotune[write] ?? 0n) > 0n))
      refuse(`${path}/iotune`, "reading and writing are limited in total or each, not both");
  }
}

/** A relative path would be one of whoever starts QEMU. */
function checkPath(disk: Disk, path: string): void {
  const source = sourcePath(disk);
  if (source !== undefined && !source.startsWith("/"))
    refuse(`${path}/source`, `the path "${source}" of disk ${disk.target.dev} is not absolute`);
}

/** Formats that QEMU writes no images of. */
const UNWRITABLE: ReadonlyMap<string, string> = new Map([
  ["cow", "qcow2"],
  ["iso", "raw"],
  ["dir", "a disk of type='dir'"],
]);

function checkFormat(disk: Disk, path: string): void {
  const format = disk.driver?.type;
  const instead = format === undefined ? undefined : UNWRITABLE.get(format);
  if (instead !== undefined) refuse(`${path}/driver/@type`, `QEMU has no format ${format}`, `use ${instead}`);
  if (disk.shareable === true && format !== undefined && format !== "raw")
    refuse(`${path}/shareable`, `an image of format ${format} cannot be shared`, "use raw");
}
