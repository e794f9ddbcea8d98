import type { DomainDefinition } from "../../../model.ts";
import type { Disk } from "../../../devices/disk.ts";
import { busOf } from "../../../devices/disk.ts";
import { numbered } from "../../../validate/refuse.ts";
import { unable } from "./unable.ts";
import type { Rule } from "./unable.ts";

/** What a serial number may hold, for the sake of older options that are not quoted. */
const SAFE_SERIAL = /^[A-Za-z0-9_+ .\\/-]*$/;

export function checkQemuDisks(definition: DomainDefinition): void {
  for (const [disk, path] of numbered(definition.devices.disks, "devices/disk"))
    unable([...driverRules(disk, path), ...hardwareRules(disk, path), ...transientRules(disk, path)]);
}

function driverRules(disk: Disk, path: string): readonly Rule[] {
  const { driver, device } = disk;
  const copies = driver?.copyOnRead === true;
  const cache = driver?.cache;
  return [
    [
      driver?.name !== undefined && driver.name !== "qemu",
      `${path}/driver/@name`,
      `QEMU has no driver ${driver?.name}, only qemu`,
    ],
    [
      driver?.iothread !== undefined && busOf(disk) !== "virtio",
      `${path}/driver/@iothread`,
      "a disk has a thread of its own only on bus virtio; those on scsi share that of their controller",
    ],
    [
      driver?.io === "native" && cache !== undefined && cache !== "none" && cache !== "directsync",
      `${path}/driver/@io`,
      "native I/O goes around the page cache; it needs cache='none' or 'directsync'",
    ],
    [
      copies && disk.readonly === true,
      `${path}/driver/@copy_on_read`,
      "nothing is written to a disk to read",
    ],
    [
      copies && (device === "cdrom" || device === "floppy"),
      `${path}/driver/@copy_on_read`,
      `a ${device} may change under it`,
    ],
    [copies && device === "lun", `${path}/driver/@copy_on_read`, "a lun is not read by QEMU"],
  ];
}

function hardwareRules(disk: Disk, path: string): readonly Rule[] {
  const { device, geometry, target } = disk;
  const bus = busOf(disk);
  const on = (...buses: readonly string[]) => buses.includes(bus);
  return [
    [
      disk.serial !== undefined && !SAFE_SERIAL.test(disk.serial),
      `${path}/serial`,
      "it holds characters that QEMU does not take",
    ],
    [disk.serial !== undefined && bus === "sd", `${path}/serial`, "a card on bus sd has no serial number"],
    [
      geometry !== undefined && !on("ide", "scsi", "virtio"),
      `${path}/geometry`,
      `a disk on bus ${bus} has no cylinders; those on ide, scsi and virtio have`,
    ],
    [
      geometry?.translation !== undefined && bus !== "ide",
      `${path}/geometry/@trans`,
      `only a disk on bus ide is translated, not on ${bus}`,
    ],
    [
      (device === "cdrom" || device === "floppy") && bus === "virtio",
      `${path}/target/@bus`,
      `a ${device} cannot be on bus virtio`,
    ],
    [
      disk.wwn !== undefined && !on("ide", "scsi", "sata"),
      `${path}/wwn`,
      `a disk on bus ${bus} has no name in the world`,
    ],
    [disk.wwn !== undefined && device === "lun", `${path}/wwn`, "a lun has the name of the device"],
    [
      (disk.vendor ?? disk.product) !== undefined && device === "lun",
      disk.vendor === undefined ? `${path}/product` : `${path}/vendor`,
      "a lun has the vendor and product of the device",
    ],
    [
      target.rotationRate !== undefined && !on("ide", "scsi", "sata"),
      `${path}/target/@rotation_rate`,
      `a disk on bus ${bus} does not tell how it rotates`,
    ],
    [
      target.rotationRate !== undefined && device !== "disk",
      `${path}/target/@rotation_rate`,
      `a ${device} does not tell how it rotates`,
    ],
    [
      disk.readonly === true && device === "disk" && on("ide", "sata"),
      `${path}/readonly`,
      `a disk on bus ${bus} can always be written; use scsi or virtio`,
    ],
  ];
}

function transientRules(disk: Disk, path: string): readonly Rule[] {
  const given = disk.transient !== undefined;
  return [
    [given && disk.readonly === true, `${path}/transient`, "nothing is written to a disk to read"],
    [given && disk.type !== "file", `${path}/transient`, "only changes of a file can be thrown away"],
    [given && disk.device !== "disk", `${path}/transient`, `a ${disk.device} keeps no changes`],
  ];
}
