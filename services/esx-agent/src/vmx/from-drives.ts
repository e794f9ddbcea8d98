import { VirtError } from "@virtmesh/core/errors";
import type { Controller } from "@virtmesh/documents/domain/devices/controller";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { type DiskPlace, SCSI_SELF, targetOf } from "../definition/disk-places.ts";
import type { ScsiModel } from "../definition/hardware.ts";
import type { VmxReading } from "./from-vmx.ts";
import type { VmxSettings } from "./settings.ts";

export interface Drives {
  readonly disks: readonly Disk[];
  readonly controllers: readonly Controller[];
}

/** libvirt's models of SCSI controllers by the words of a .vmx file. */
export const SCSI_WORDS: Readonly<Record<string, ScsiModel>> = {
  buslogic: "buslogic",
  lsilogic: "lsilogic",
  lsisas1068: "lsisas1068",
  pvscsi: "vmpvscsi",
};

/** Controllers of a kind, and the units that each may have. */
const CONTROLLERS = 4;
const IDE_CONTROLLERS = 2;
const UNITS = { scsi: 16, sata: 30, ide: 2 };
/** Since this version of the hardware a SCSI controller may have as many. */
const MANY_UNITS = { hardware: 13n, scsi: 64 };

export const PASSTHROUGH_CDROM = "/vmfs/devices/cdrom/";
export const NOTHING_IN_IT = "emptyBackingString";

/** What floppies do not hang at: a .vmx file has words of their own for those. */
type DriveBus = Exclude<DiskPlace["bus"], "fdc">;

/** Disks and drives, with the controllers up to the last one that has any. @throws CONFIG_INVALID */
export function drivesOf(vmx: VmxSettings, reading: VmxReading): Drives {
  const units =
    (vmx.integer("virtualHW.version") ?? 0n) >= MANY_UNITS.hardware ? { ...UNITS, ...MANY_UNITS } : UNITS;
  const on = (bus: DriveBus, count: number): readonly Disk[] =>
    upTo(count)
      .filter((controller) => bus === "ide" || vmx.flag(`${bus}${controller}.present`))
      .flatMap((controller) =>
        upTo(units[bus])
          .filter((unit) => bus !== "scsi" || unit !== SCSI_SELF)
          .flatMap((unit) => driveAt(vmx, { bus, controller, unit }, reading)),
      );
  const [scsi, sata, ide] = [on("scsi", CONTROLLERS), on("sata", CONTROLLERS), on("ide", IDE_CONTROLLERS)];
  const floppies = [0, 1].flatMap((unit) => floppyAt(vmx, unit, reading));
  return {
    disks: [...distinct(scsi), ...sata, ...ide, ...floppies],
    controllers: [
      ...upToLast(scsi).map((index) => scsiController(vmx, index)),
      ...upToLast(sata).map((index): Controller => ({ type: "sata", index })),
      ...upToLast(floppies).map((index): Controller => ({ type: "fdc", index })),
      ...upToLast(ide).map((index): Controller => ({ type: "ide", index })),
    ],
  };
}

function upToLast(disks: readonly Disk[]): readonly number[] {
  const used = disks.map(({ address }) => (address?.type === "drive" ? address.controller : 0));
  return upTo(Math.max(-1, ...used) + 1);
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Names count fifteen disks a controller, so that one on a later unit may have the name of another. */
function distinct(disks: readonly Disk[]): readonly Disk[] {
  const taken = new Set<string>();
  return disks.map((disk) => {
    let { dev } = disk.target;
    for (let unit = 0; taken.has(dev); unit += 1) dev = targetOf({ bus: "scsi", controller: 0, unit });
    taken.add(dev);
    return { ...disk, target: { ...disk.target, dev } };
  });
}

function scsiController(vmx: VmxSettings, index: number): Controller {
  const word = vmx.word(`scsi${index}.virtualDev`);
  if (word === undefined) return { type: "scsi", index };
  const model = SCSI_WORDS[word];
  if (model === undefined)
    throw vmx.wrong(`scsi${index}.virtualDev`, `must be one of ${Object.keys(SCSI_WORDS).join(", ")}`);
  return { type: "scsi", index, model };
}

function driveAt(
  vmx: VmxSettings,
  place: DiskPlace & { readonly bus: DriveBus },
  reading: VmxReading,
): readonly Disk[] {
  const { bus, controller, unit } = place;
  const prefix = `${bus}${controller}:${unit}`;
  // A drive of whoever has the console open is none of the host's.
  if (!vmx.flag(`${prefix}.present`) || vmx.flag(`${prefix}.clientDevice`)) return [];
  const fileName = vmx.text(`${prefix}.fileName`);
  const type = vmx.word(`${prefix}.deviceType`);
  const address = {
    type: "drive" as const,
    // IDE has one controller with two buses to libvirt.
    ...(bus === "ide" ? { controller: 0, bus: controller } : { controller, bus: 0 }),
    ...{ target: 0, unit },
  };
  const target = { dev: targetOf(place), bus };
  if (fileName?.toLowerCase().endsWith(".vmdk") === true) {
    checkType(vmx, prefix, HARD_DISKS[bus]);
    return [
      {
        ...{ type: "file", device: "disk" },
        ...(vmx.flag(`${prefix}.writeThrough`) ? { driver: { cache: "writethrough" } } : {}),
        source: { file: fileIn(vmx, `${prefix}.fileName`, fileName, reading), seclabels: [] },
        target,
        ...(vmx.word(`${prefix}.mode`) === "independent-nonpersistent" ? { transient: {} } : {}),
        address,
      },
    ];
  }
  const cdrom = { target, readonly: true as const, address };
  if (fileName?.toLowerCase().endsWith(".iso") === true) {
    checkType(vmx, prefix, ["cdrom-image"]);
    const file = reading.pathOf(fileName);
    return [
      {
        ...{ type: "file", device: "cdrom" },
        ...(file === undefined ? {} : { source: { file, seclabels: [] } }),
        ...cdrom,
      },
    ];
  }
  if (type === "atapi-cdrom" || type === "cdrom-raw") {
    const device = type === "cdrom-raw" ? "lun" : "cdrom";
    if (fileName === undefined) return [{ type: "block", device, ...cdrom }];
    const source =
      fileName.toLowerCase() === "auto detect" ? { startupPolicy: "optional" as const } : { dev: fileName };
    return [{ type: "block", device, source: { ...source, seclabels: [] }, ...cdrom }];
  }
  if (type === "scsi-passthru" && bus === "scsi") {
    if (fileName?.startsWith(PASSTHROUGH_CDROM) !== true) return [];
    return [{ type: "block", device: "lun", source: { dev: fileName, seclabels: [] }, ...cdrom }];
  }
  if (fileName === NOTHING_IN_IT) {
    checkType(vmx, prefix, ["cdrom-image"]);
    return [{ type: "file", device: "cdrom", ...cdrom }];
  }
  throw vmx.wrong(
    fileName === undefined ? `${prefix}.deviceType` : `${prefix}.fileName`,
    "is no disk (.vmdk), no CD (.iso) and no drive of the host",
  );
}

const HARD_DISKS: Readonly<Record<DriveBus, readonly string[] | undefined>> = {
  scsi: ["scsi-harddisk", "disk"],
  ide: ["ata-harddisk", "disk"],
  sata: undefined,
};

function checkType(vmx: VmxSettings, prefix: string, allowed: readonly string[] | undefined): void {
  const type = vmx.word(`${prefix}.deviceType`);
  if (type === undefined || allowed === undefined || allowed.includes(type)) return;
  throw vmx.wrong(`${prefix}.deviceType`, `must be ${allowed.join(" or ")} for such a file`);
}

function floppyAt(vmx: VmxSettings, unit: number, reading: VmxReading): readonly Disk[] {
  const prefix = `floppy${unit}`;
  if (!vmx.flag(`${prefix}.present`) || vmx.flag(`${prefix}.clientDevice`)) return [];
  const fileName = vmx.text(`${prefix}.fileName`);
  const place = {
    target: { dev: `fd${"ab"[unit] ?? "a"}`, bus: "fdc" as const },
    address: { type: "drive" as const, controller: 0, bus: 0, target: 0, unit },
  };
  switch (vmx.word(`${prefix}.fileType`)) {
    case "device":
      return [
        {
          ...{ type: "block", device: "floppy" },
          ...(fileName === undefined ? {} : { source: { dev: fileName, seclabels: [] } }),
          ...place,
        },
      ];
    case "file": {
      const file = fileName === undefined ? undefined : fileIn(vmx, `${prefix}.fileName`, fileName, reading);
      return [
        {
          ...{ type: "file", device: "floppy" },
          ...(file === undefined ? {} : { source: { file, seclabels: [] } }),
          ...place,
        },
      ];
    }
    default:
      throw vmx.wrong(`${prefix}.fileType`, 'must be "file" or "device"');
  }
}

/** @throws CONFIG_INVALID for a file that is not there */
export function fileIn(vmx: VmxSettings, name: string, fileName: string, reading: VmxReading): string {
  const path = reading.pathOf(fileName);
  if (path !== undefined) return path;
  const resource = { type: "file", name: fileName };
  throw new VirtError("CONFIG_INVALID", vmx.wrong(name, "names a file that is not there").message, {
    resource,
  });
}
