import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { busOf } from "@virtmesh/documents/domain/devices/disk";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { blockNodes, hasMedium, writeCache } from "./block-nodes.ts";
import type { BuildContext } from "./context.ts";
import { deviceDriver, virtioPci, virtioProperties } from "./context.ts";
import { allControllers, iothreadId, isWideScsi, usbId } from "./controllers.ts";
import { diskDrivePlace } from "./drive-places.ts";
import { diskDeviceId } from "./ids.ts";
import { formatNodeName } from "./node-names.ts";
import { refuseAll } from "./refuse.ts";

/** -blockdev and -device of every disk. */
export function diskArguments(c: BuildContext): void {
  for (const [i, disk] of c.definition.devices.disks.entries()) {
    const path = `devices/disk[${i + 1}]`;
    refuseOptions(disk, path);
    if (hasMedium(disk)) for (const node of blockNodes(disk, path)) c.args.json("-blockdev", node);
    if (busOf(disk) === "fdc") floppyOrder(c, disk);
    c.args.json("-device", diskDevice(c, disk, path));
  }
}

function refuseOptions(disk: Disk, path: string): void {
  const { driver } = disk;
  if (disk.type !== "file" && disk.type !== "block")
    throw unsupported(`${path}/@type`, `disks of type ${disk.type} are not supported, use file or block`);
  if (disk.device === "lun")
    throw unsupported(`${path}/@device`, "passing SCSI commands to the host is not supported");
  if (disk.rawio !== undefined || disk.sgio !== undefined)
    throw unsupported(path, "raw I/O is not supported");
  if (driver?.copyOnRead === true)
    throw unsupported(`${path}/driver/@copy_on_read`, "copy on read is not supported");
}

/** The guest's side of a disk: for the command line, or for device_add. */
function diskDevice(c: BuildContext, disk: Disk, path: string): Json {
  const common = {
    id: diskDeviceId(disk),
    drive: hasMedium(disk) ? formatNodeName(disk.target.dev) : undefined,
  };
  const options = {
    bootindex: c.boot.get(disk),
    "share-rw": disk.shareable,
    ...errorPolicy(disk),
    ...blockSizes(disk),
  };
  const bus = busOf(disk);
  switch (bus) {
    case "virtio":
      return { ...virtioDisk(c, disk, path), ...common, ...options };
    case "scsi":
      return { ...scsiDisk(c, disk, path), ...common, ...options };
    case "sata":
    case "ide":
      return { ...ideDisk(c, disk, path), ...common, ...options };
    case "usb":
      return {
        ...usbDisk(c, disk, path),
        ...common,
        bootindex: options.bootindex,
        "share-rw": disk.shareable,
      };
    case "fdc":
      return { driver: deviceDriver(c, "floppy", path), unit: diskDrivePlace(disk).unit, ...common };
    case "xen":
    case "uml":
    case "sd":
    case "nvme":
      throw unsupported(`${path}/target/@bus`, `disks on the bus ${bus} are not supported`);
  }
}

/** Errors of the host: what QEMU does when the definition says nothing is "stop when full, else report". */
function errorPolicy({ driver }: Disk): { readonly werror?: string; readonly rerror?: string } {
  const { errorPolicy: write, rerrorPolicy: read } = driver ?? {};
  const rerror = read ?? (write === "enospace" ? undefined : write);
  return {
    ...(write === undefined ? {} : { werror: write === "enospace" ? "enospc" : write }),
    ...(rerror === undefined ? {} : { rerror }),
  };
}

function blockSizes({ blockio }: Disk): Json {
  return {
    logical_block_size: blockio?.logicalBlockSize,
    physical_block_size: blockio?.physicalBlockSize,
    discard_granularity: blockio?.discardGranularity,
  };
}

function virtioDisk(c: BuildContext, disk: Disk, path: string): Json {
  const { driver } = disk;
  if (disk.device === "cdrom")
    throw unsupported(`${path}/@device`, "a cdrom cannot be on the bus virtio, use sata or scsi");
  refuseAll(`${path}/`, { wwn: disk.wwn, vendor: disk.vendor, product: disk.product });
  return {
    driver: deviceDriver(c, virtioPci("virtio-blk", disk.model), path),
    serial: disk.serial,
    "write-cache": onOff(writeCache(driver)),
    "num-queues": driver?.queues,
    "queue-size": driver?.queueSize,
    ioeventfd: driver?.ioeventfd,
    event_idx: driver?.eventIdx,
    iothread: driver?.iothread === undefined ? undefined : iothreadId(c, driver.iothread, path),
    ...virtioProperties(driver),
    ...c.pci.place(disk.address, path),
  };
}

function scsiDisk(c: BuildContext, disk: Disk, path: string): Json {
  const place = diskDrivePlace(disk);
  const controller = allControllers(c.definition, c.board).find(
    (a) => a.type === "scsi" && (a.index ?? 0) === place.controller,
  );
  const wide = isWideScsi(controller);
  const where = wide
    ? { channel: place.bus, "scsi-id": place.target, lun: place.unit }
    : { "scsi-id": place.unit };
  return {
    driver: deviceDriver(c, disk.device === "cdrom" ? "scsi-cd" : "scsi-hd", path),
    bus: `scsi${place.controller}.0`,
    ...where,
    // What the guest reads as the unit's identifier; without a serial QEMU would take the name of the node.
    device_id: `drive-scsi${place.controller}-${place.bus}-${place.target}-${place.unit}`,
    serial: disk.serial,
    wwn: wwn(disk, path),
    vendor: disk.vendor,
    product: disk.product,
    "write-cache": disk.device === "disk" ? onOff(writeCache(disk.driver)) : undefined,
    rotation_rate: disk.device === "disk" ? disk.target.rotationRate : undefined,
  };
}

function ideDisk(c: BuildContext, disk: Disk, path: string): Json {
  const place = diskDrivePlace(disk);
  const sata = busOf(disk) === "sata";
  if (!sata && c.board !== "pc")
    throw unsupported(`${path}/target/@bus`, `${c.board} has no IDE bus, use sata`);
  if (sata && place.unit > 5)
    throw unsupported(`${path}/address`, `a SATA controller has 6 ports, not ${place.unit + 1}`);
  refuseAll(`${path}/`, { vendor: disk.vendor, product: disk.product });
  const builtIn = c.board === "q35" && place.controller === 0;
  return {
    driver: deviceDriver(c, disk.device === "cdrom" ? "ide-cd" : "ide-hd", path),
    bus: sata ? `${builtIn ? "ide" : `sata${place.controller}`}.${place.unit}` : `ide.${place.bus}`,
    unit: sata ? undefined : place.unit,
    serial: disk.serial,
    wwn: wwn(disk, path),
    "write-cache": disk.device === "disk" ? onOff(writeCache(disk.driver)) : undefined,
    rotation_rate: disk.device === "disk" ? disk.target.rotationRate : undefined,
  };
}

function usbDisk(c: BuildContext, disk: Disk, path: string): Json {
  if (!hasMedium(disk)) throw unsupported(path, "a USB drive cannot be empty");
  if (disk.device === "cdrom")
    throw unsupported(`${path}/@device`, "a cdrom cannot be on the bus usb, use sata or scsi");
  const { address } = disk;
  return {
    driver: deviceDriver(c, "usb-storage", path),
    bus: `${usbId(address?.type === "usb" ? address.bus : 0)}.0`,
    port: address?.type === "usb" ? address.port : undefined,
    serial: disk.serial,
    removable: disk.target.removable ?? false,
    "write-cache": onOff(writeCache(disk.driver)),
  };
}

/** A floppy's place in the boot order is a property of its controller. */
function floppyOrder(c: BuildContext, disk: Disk): void {
  const order = c.boot.get(disk);
  if (order === undefined) return;
  const property = diskDrivePlace(disk).unit === 0 ? "bootindexA" : "bootindexB";
  c.args.options("-global", undefined, { driver: "isa-fdc", property, value: order });
}

function wwn(disk: Disk, path: string): bigint | undefined {
  if (disk.wwn === undefined) return undefined;
  const digits = disk.wwn.replace(/^0x/i, "");
  if (!/^[0-9a-f]{16}$/i.test(digits))
    throw unsupported(`${path}/wwn`, `"${disk.wwn}" is no WWN of 16 hexadecimal digits`);
  return BigInt(`0x${digits}`);
}

function onOff(value: boolean): "on" | "off" {
  return value ? "on" : "off";
}
