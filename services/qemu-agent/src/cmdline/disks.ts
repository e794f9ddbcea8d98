import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { busOf } from "@virtmesh/documents/domain/devices/disk";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { cacheMode, diskBlockParts, driveNode, hasMedium, writeCache } from "./block/disk.ts";
import { busOwner, usbPlace } from "./buses.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, virtioDevice } from "./context.ts";
import { isWideScsi } from "./controllers.ts";
import type { DrivePlace } from "./drive-places.ts";
import { diskDrivePlace } from "./drive-places.ts";
import { diskDeviceId } from "./ids.ts";
import { iothreadId } from "./iothreads.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts, joinParts } from "./parts.ts";
import { refuseAll } from "./refuse.ts";

/** -blockdev and -device of every disk. */
export function diskArguments(c: BuildContext): void {
  for (const [i, disk] of c.definition.devices.disks.entries()) {
    const path = `devices/disk[${i + 1}]`;
    // On other boards the controller is a device of its own, with the order among its properties.
    if (busOf(disk) === "fdc" && c.board === "pc") floppyOrder(c, disk);
    addParts(c.args, diskParts(c, disk, path));
  }
}

/** One disk: the host's side with all its images, and the guest's. */
export function diskParts(c: DeviceContext, disk: Disk, path: string): DeviceParts {
  refuseOptions(disk, path);
  if (disk.type === "vhostuser") return vhostUserDisk(c, disk, path);
  const block = hasMedium(disk) ? diskBlockParts(c, disk, path) : {};
  return joinParts(block, { devices: [diskDevice(c, disk, path)] });
}

function refuseOptions(disk: Disk, path: string): void {
  refuseAll(`${path}/`, {
    mirror: disk.mirror,
    backenddomain: disk.backendDomain,
    throttlefilters: disk.throttleFilters,
  });
  refuseAll(`${path}/driver/`, { iothreads: disk.driver?.iothreads });
  if (disk.sgio === "unfiltered")
    throw unsupported(`${path}/@sgio`, "the kernel has no unfiltered SCSI commands any more");
}

/** The guest's side of a disk. */
function diskDevice(c: DeviceContext, disk: Disk, path: string): Json {
  const common = {
    id: diskDeviceId(disk),
    drive: hasMedium(disk) ? driveNode(c, disk) : undefined,
    bootindex: c.boot.get(disk),
    "share-rw": disk.shareable,
    ...blockSizes(disk),
    ...geometry(disk),
    ...errorPolicy(disk),
  };
  const bus = busOf(disk);
  switch (bus) {
    case "virtio":
      return { ...virtioDisk(c, disk, path), ...common };
    case "scsi":
      return { ...scsiDisk(c, disk, path), ...common };
    case "sata":
    case "ide":
      return { ...ideDisk(c, disk, path), ...common };
    case "usb":
      return { ...usbDisk(c, disk, path), ...common };
    case "fdc":
      return {
        driver: deviceDriver(c, "floppy", path),
        unit: diskDrivePlace(disk).unit,
        ...common,
        bootindex: undefined,
        ...writeCacheProperty(disk),
      };
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

function geometry({ geometry: g }: Disk): Json {
  return { cyls: g?.cylinders, heads: g?.heads, secs: g?.sectors, "bios-chs-trans": g?.translation };
}

/** Whether the guest's own write cache is on, where the definition says how the host caches. */
function writeCacheProperty(disk: Disk): Json {
  const cache = cacheMode(disk);
  if (cache === undefined || cache === "default" || disk.device === "lun") return {};
  return { "write-cache": writeCache(disk) ? "on" : "off" };
}

function virtioDisk(c: DeviceContext, disk: Disk, path: string): Json {
  const { driver } = disk;
  if (disk.device === "cdrom" || disk.device === "floppy")
    throw unsupported(`${path}/@device`, `a ${disk.device} cannot be on the bus virtio, use sata or scsi`);
  refuseAll(`${path}/`, { wwn: disk.wwn, vendor: disk.vendor, product: disk.product });
  return {
    ...virtioDevice(c, "virtio-blk", disk, path),
    scsi: disk.device === "lun" ? true : undefined,
    serial: disk.serial,
    "num-queues": driver?.queues,
    "queue-size": driver?.queueSize,
    ioeventfd: driver?.ioeventfd,
    event_idx: driver?.eventIdx,
    iothread: driver?.iothread === undefined ? undefined : iothreadId(c, driver.iothread, path),
    ...writeCacheProperty(disk),
  };
}

/** A disk that another process on the host serves. */
function vhostUserDisk(
  c: DeviceContext,
  disk: Extract<Disk, { type: "vhostuser" }>,
  path: string,
): DeviceParts {
  const { source, driver } = disk;
  if (busOf(disk) !== "virtio")
    throw unsupported(`${path}/target/@bus`, "a disk of type vhostuser must be on virtio");
  if (source === undefined) throw unsupported(`${path}/source`, "a disk of type vhostuser needs a socket");
  const id = diskDeviceId(disk);
  return {
    chardevs: [
      {
        id: `${id}-chardev`,
        backend: {
          type: "socket",
          data: {
            addr: { type: "unix", data: { path: source.path } },
            server: false,
            reconnect: source.reconnect?.enabled === true ? (source.reconnect.timeout ?? 1) : undefined,
          },
        },
      },
    ],
    devices: [
      {
        ...virtioDevice(c, "vhost-user-blk", disk, path),
        chardev: `${id}-chardev`,
        id,
        "num-queues": driver?.queues,
        "queue-size": driver?.queueSize,
        bootindex: c.boot.get(disk),
      },
    ],
  };
}

function scsiDisk(c: DeviceContext, disk: Disk, path: string): Json {
  const place = diskDrivePlace(disk);
  const driver = { disk: "scsi-hd", floppy: "scsi-hd", cdrom: "scsi-cd", lun: "scsi-block" }[disk.device];
  return {
    driver: deviceDriver(c, driver, path),
    ...scsiPlace(c, place),
    // What the guest reads as the unit's identifier; without a serial QEMU would take the name of the node.
    device_id: disk.device === "lun" ? undefined : (disk.serial ?? `drive-scsi${scsiUnitName(c, place)}`),
    serial: disk.serial,
    wwn: wwn(disk, path),
    vendor: disk.vendor,
    product: disk.product,
    ...writeCacheProperty(disk),
    rotation_rate: disk.target.rotationRate,
  };
}

function scsiUnitName(c: DeviceContext, { controller, bus, target, unit }: DrivePlace): string {
  const wide = isWideScsi(scsiController(c, controller));
  return (wide ? [controller, bus, target, unit] : [controller, bus, unit]).join("-");
}

function scsiController(c: DeviceContext, index: number) {
  return c.definition.devices.controllers.find((a) => a.type === "scsi" && (a.index ?? 0) === index);
}

/** Where a unit is on its SCSI controller. */
export function scsiPlace(c: DeviceContext, place: DrivePlace): Json {
  const controller = scsiController(c, place.controller);
  const owner = busOwner(c, "scsi", place.controller);
  return isWideScsi(controller)
    ? { bus: `${owner}.0`, channel: place.bus, "scsi-id": place.target, lun: place.unit }
    : { bus: `${owner}.${place.bus}`, "scsi-id": place.unit };
}

function ideDisk(c: DeviceContext, disk: Disk, path: string): Json {
  const place = diskDrivePlace(disk);
  const sata = busOf(disk) === "sata";
  if (!sata && c.board !== "pc")
    throw unsupported(`${path}/target/@bus`, `${c.board} has no IDE bus, use sata`);
  if (sata && place.unit > 5)
    throw unsupported(`${path}/address`, `a SATA controller has 6 ports, not ${place.unit + 1}`);
  if (disk.device === "lun") throw unsupported(`${path}/@device`, "a lun must be on virtio or scsi");
  refuseAll(`${path}/`, { vendor: disk.vendor, product: disk.product });
  const builtIn = c.board === "q35" && place.controller === 0;
  return {
    driver: deviceDriver(c, disk.device === "cdrom" ? "ide-cd" : "ide-hd", path),
    bus: sata
      ? `${builtIn ? "ide" : busOwner(c, "sata", place.controller)}.${place.unit}`
      : `ide.${place.bus}`,
    unit: sata ? undefined : place.unit,
    serial: disk.serial,
    wwn: wwn(disk, path),
    ...writeCacheProperty(disk),
    rotation_rate: disk.target.rotationRate,
  };
}

function usbDisk(c: DeviceContext, disk: Disk, path: string): Json {
  return {
    driver: deviceDriver(c, "usb-storage", path),
    ...usbPlace(c, disk, path),
    serial: disk.serial,
    removable: disk.target.removable ?? false,
    ...writeCacheProperty(disk),
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
