import type { Controller } from "@virtmesh/documents/domain/devices/controller";
import { busOf, type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { type DiskPlace, placeOf } from "../definition/disk-places.ts";
import type { ScsiModel } from "../definition/hardware.ts";
import { volumePath } from "./datastore-paths.ts";
import { NOTHING_IN_IT, PASSTHROUGH_CDROM, SCSI_WORDS } from "./from-drives.ts";
import type { Pair } from "./settings.ts";
import { unsupported } from "./unsupported.ts";

const FLOPPIES = ["fda", "fdb"];

/** Where each disk is, as its name says it where it has no address; and models of controllers where those belong. */
export function withAddresses(definition: DomainDefinition): DomainDefinition {
  const { disks } = definition.devices;
  const models = disks.flatMap((disk) => {
    const model = modelIn(disk);
    return model === undefined ? [] : [{ index: placeOfDisk(disk)?.controller ?? 0, model }];
  });
  const named = (index: number): boolean => models.some((each) => each.index === index);
  const others = definition.devices.controllers.filter(
    (each) => each.type !== "scsi" || !named(each.index ?? 0),
  );
  const controllers = models
    .filter(({ index }, i) => models.findIndex((each) => each.index === index) === i)
    .map((each): Controller => ({ type: "scsi", ...each }));
  return {
    ...definition,
    devices: {
      ...definition.devices,
      disks: disks.map((disk) => addressed(withoutDriverName(disk))),
      controllers: [...others, ...controllers],
    },
  };
}

/** Old documents have the model of the controller as driver of its disks. */
function modelIn(disk: Disk): ScsiModel | undefined {
  const name = busOf(disk) === "scsi" ? disk.driver?.name?.toLowerCase() : undefined;
  return Object.values(SCSI_WORDS).find((model) => model === name);
}

/** The driver `atapi` of a drive on IDE is what IDE means. */
function withoutDriverName(disk: Disk): Disk {
  const isSaid = modelIn(disk) !== undefined || (busOf(disk) === "ide" && disk.driver?.name === "atapi");
  if (!isSaid) return disk;
  const { driver, ...rest } = disk;
  const { name: _, ...others } = driver ?? {};
  return Object.keys(others).length === 0 ? rest : { ...rest, driver: others };
}

function addressed(disk: Disk): Disk {
  const bus = busOf(disk);
  const target = { ...disk.target, bus };
  if (disk.address !== undefined) return { ...disk, target };
  const place = placeOfDisk(disk);
  const unit = place?.unit ?? FLOPPIES.indexOf(disk.target.dev);
  const { controller = 0 } = place ?? {};
  const at = bus === "ide" ? { controller: 0, bus: controller } : { controller, bus: 0 };
  return { ...disk, target, address: { type: "drive", ...at, target: 0, unit } };
}

function placeOfDisk(disk: Disk): DiskPlace | undefined {
  const bus = busOf(disk);
  if (bus !== "scsi" && bus !== "sata" && bus !== "ide") return undefined;
  const { address } = disk;
  if (address?.type === "drive")
    return { bus, controller: bus === "ide" ? address.bus : address.controller, unit: address.unit };
  return placeOf(bus, disk.target.dev);
}

export function hasDisks({ devices }: DomainDefinition, controller: Controller): boolean {
  return devices.disks.some((disk) => {
    const place = placeOfDisk(disk);
    return place?.bus === controller.type && place.controller === (controller.index ?? 0);
  });
}

/** Controllers and what hangs at them. @throws CONFIG_UNSUPPORTED */
export function driveSettings({ devices }: DomainDefinition): readonly Pair[] {
  const drives = devices.disks.filter((disk) => disk.device !== "floppy");
  const floppies = devices.disks.filter((disk) => disk.device === "floppy");
  const numbers = (bus: DiskPlace["bus"]): readonly number[] => {
    const used = drives.flatMap((disk) => {
      const place = placeOfDisk(disk);
      return place?.bus === bus ? [place.controller] : [];
    });
    const named = devices.controllers.flatMap((each) => (each.type === bus ? [each.index ?? 0] : []));
    return [...new Set([...used, ...named])].sort((a, b) => a - b);
  };
  return [
    ...numbers("scsi").flatMap((number) => scsiSettings(devices.controllers, number)),
    ...numbers("sata").map((number): Pair => [`sata${number}.present`, "true"]),
    ...drives.flatMap(diskSettings),
    ...floppies.flatMap(floppySettings),
    // They are there unless it is said.
    ...FLOPPIES.map((dev, unit) => ({ dev, unit }))
      .filter(({ dev }) => !floppies.some((floppy) => floppy.target.dev === dev))
      .map(({ unit }): Pair => [`floppy${unit}.present`, "false"]),
  ];
}

function scsiSettings(controllers: readonly Controller[], number: number): readonly Pair[] {
  const controller = controllers.find((each) => each.type === "scsi" && (each.index ?? 0) === number);
  const model = controller?.model;
  const [word] = Object.entries(SCSI_WORDS).find(([, known]) => known === model) ?? [];
  if (model !== undefined && model !== "auto" && word === undefined)
    throw unsupported(
      `SCSI controller ${number} must be of the model ${Object.values(SCSI_WORDS).join(", ")}, not ${model}`,
      `devices/controller[scsi ${number}]/model`,
    );
  return [
    [`scsi${number}.present`, "true"],
    ...(model === undefined ? [] : [[`scsi${number}.virtualDev`, word ?? "lsilogic"] as const]),
  ];
}

function diskSettings(disk: Disk): readonly Pair[] {
  const { dev } = disk.target;
  const place = placeOfDisk(disk);
  const field = `devices/disk[${dev}]`;
  if (place === undefined || (disk.type !== "file" && disk.type !== "block"))
    throw unsupported(
      `disk ${dev} must be a file or a drive of the host, on the bus scsi, sata or ide, with a name such as sda`,
      field,
    );
  const prefix = `${place.bus}${place.controller}:${place.unit}`;
  const cache = disk.driver?.cache ?? "default";
  return [
    [`${prefix}.present`, "true"],
    [`${prefix}.deviceType`, deviceType(disk, place, field)],
    ...fileSettings(disk, prefix, field),
    ...(cache === "writethrough" && place.bus === "scsi"
      ? [[`${prefix}.writeThrough`, "true"] as const]
      : []),
    ...(disk.transient === undefined ? [] : [[`${prefix}.mode`, "independent-nonpersistent"] as const]),
  ];
}

function deviceType(disk: Disk, { bus }: DiskPlace, field: string): string {
  switch (disk.device) {
    case "disk":
      if (disk.type !== "file")
        throw unsupported(
          `disk ${disk.target.dev} must be a file: vmdk files stand for whole devices`,
          field,
        );
      return bus === "scsi" ? "scsi-hardDisk" : bus === "ide" ? "ata-hardDisk" : "disk";
    case "cdrom":
      return disk.type === "file" ? "cdrom-image" : "atapi-cdrom";
    default:
      return bus === "scsi" && sourcePath(disk)?.startsWith(PASSTHROUGH_CDROM) === true
        ? "scsi-passthru"
        : "cdrom-raw";
  }
}

function fileSettings(disk: Disk, prefix: string, field: string): readonly Pair[] {
  const path = sourcePath(disk);
  const name = `${prefix}.fileName`;
  if (disk.type === "block") {
    if (path !== undefined) return [[name, path]];
    return disk.source?.startupPolicy === "optional"
      ? [
          [`${prefix}.autodetect`, "true"],
          [name, "auto detect"],
        ]
      : [];
  }
  if (path === undefined && disk.device === "cdrom") return [[name, NOTHING_IN_IT]];
  const ending = disk.device === "disk" ? ".vmdk" : ".iso";
  if (path?.toLowerCase().endsWith(ending) !== true)
    throw unsupported(
      `disk ${disk.target.dev} must be a file whose name ends in ${ending}`,
      `${field}/source`,
    );
  return [[name, onVolume(path, disk.target.dev)]];
}

function floppySettings(disk: Disk): readonly Pair[] {
  const unit = FLOPPIES.indexOf(disk.target.dev);
  if (unit < 0 || (disk.type !== "file" && disk.type !== "block"))
    throw unsupported(
      `floppy ${disk.target.dev} must be a file or a drive of the host, named fda or fdb`,
      `devices/disk[${disk.target.dev}]`,
    );
  const path = sourcePath(disk);
  const fileName = path !== undefined && disk.type === "file" ? onVolume(path, disk.target.dev) : path;
  return [
    [`floppy${unit}.present`, "true"],
    [`floppy${unit}.fileType`, disk.type === "file" ? "file" : "device"],
    ...(fileName === undefined ? [] : [[`floppy${unit}.fileName`, fileName] as const]),
  ];
}

/** @throws CONFIG_UNSUPPORTED for a relative path */
export function onVolume(path: string, device: string): string {
  const found = volumePath(path);
  if (found !== undefined) return found;
  throw unsupported(
    `${path} of ${device} must be a file in a datastore, as [datastore1] folder/file, or a path from the root`,
    `devices/${device}`,
  );
}
