import { VirtError } from "@virtmesh/core/errors";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { DomainDefinition, IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { anyString, type VimObject } from "../vim/encode.ts";
import { flagAt, textAt, type VimNode } from "../vim/node.ts";
import { type DiskPlace, placeOf, targetOf } from "./disk-places.ts";
import {
  type Controller,
  type Hardware,
  hardwareOf,
  NIC_MODELS,
  type NicModel,
  type PlacedDisk,
  type PlacedNic,
  SCSI_MODELS,
  type ScsiModel,
} from "./hardware.ts";
import { hasCpusToCome, keptPairs } from "./kept.ts";

const MIB = 1n << 20n;
const NOTHING: Hardware = { controllers: [], disks: [], nics: [] };

/** A VirtualMachineConfigSpec that makes a guest so. `datastore` takes its own files. */
export function specForNew(definition: IdentifiedDomain, datastore: string): VimObject {
  const { name, uuid, os } = definition;
  return {
    ...{ name, uuid },
    guestId: guestIdOf(definition),
    annotation: definition.description ?? "",
    files: { vmPathName: `[${datastore}]` },
    ...resources(definition),
    ...(hasCpusToCome(definition) ? { cpuHotAddEnabled: true } : {}),
    ...plugged(definition, NOTHING, []),
    ...limits(definition),
    extraConfig: extraConfig(definition),
    firmware: os.firmwareKind === "efi" ? "efi" : "bios",
  };
}

/** A VirtualMachineConfigSpec that makes the guest of such a configuration so. */
export function specForChange(definition: IdentifiedDomain, config: VimNode): VimObject {
  const now = hardwareOf(config);
  checkControllers(definition, now);
  const guestId = guestIdOf(definition);
  return {
    name: definition.name,
    // A more exact one of the same architecture stays.
    ...(is64(guestId) === is64(textAt(config, "guestId") ?? "") ? {} : { guestId }),
    annotation: definition.description ?? "",
    ...resources(definition),
    ...cpuHotAdd(definition, config),
    ...plugged(definition, now, unplugged(definition, now)),
    ...limits(definition),
    extraConfig: extraConfig(definition),
    firmware: definition.os.firmwareKind === "efi" ? "efi" : "bios",
  };
}

function guestIdOf({ os }: DomainDefinition): string {
  return os.type.arch === "i686" ? "otherGuest" : "otherGuest64";
}

function is64(guestId: string): boolean {
  return guestId.includes("64");
}

/** @throws CONFIG_UNSUPPORTED for another model of a controller that is there: its disks hang at it */
function checkControllers(definition: DomainDefinition, now: Hardware): void {
  for (const { bus, number, model } of now.controllers) {
    if (bus !== "scsi" || !scsiNumbers(definition).includes(number)) continue;
    const wanted = scsiModel(definition, number);
    if (wanted === model) continue;
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `SCSI controller ${number} of guest "${definition.name}" is of the model ${model} and cannot become ${wanted}; take it out of the definition first`,
      { resource: { type: "domain", name: definition.name } },
    );
  }
}

function scsiNumbers({ devices }: DomainDefinition): readonly number[] {
  return devices.controllers.flatMap((each) => (each.type === "scsi" ? [each.index ?? 0] : []));
}

function resources({ vcpu, memory }: DomainDefinition): VimObject {
  return { numCPUs: vcpu.current ?? vcpu.count, memoryMB: memory.bytes / MIB };
}

/** Guests that run cannot be told, so it is only said where it is new. */
function cpuHotAdd(definition: DomainDefinition, config: VimNode): VimObject {
  const isOn = flagAt(config, "cpuHotAddEnabled") === true;
  return hasCpusToCome(definition) && !isOn ? { cpuHotAddEnabled: true } : {};
}

/** -1 is no limit. */
function limits({ memory, currentMemory }: DomainDefinition): VimObject {
  const bytes = currentMemory?.bytes ?? memory.bytes;
  return { memoryAllocation: { limit: bytes < memory.bytes ? bytes / MIB : -1n } };
}

function extraConfig(definition: DomainDefinition): readonly VimObject[] {
  return keptPairs(definition).map(([key, value]) => ({ key, value: anyString(value) }));
}

/** Devices that the definition has no more, or has otherwise. */
function unplugged(definition: DomainDefinition, now: Hardware): readonly VimObject[] {
  const { disks, interfaces } = definition.devices;
  const numbers = scsiNumbers(definition);
  const gone = [
    ...now.disks.filter((disk) => !disk.other && !disks.some((wanted) => staysDisk(wanted, disk))),
    ...now.nics.filter((nic) => !interfaces.some((wanted) => staysNic(wanted, nic))),
    ...now.controllers.filter(({ bus, number }) => bus === "scsi" && !numbers.includes(number)),
  ];
  return gone.map(({ key, type }) => ({ operation: "remove", device: { $type: type, key } }));
}

/** What is to be removed, and what is not there yet with the controllers that it needs. */
function plugged(definition: DomainDefinition, now: Hardware, removed: readonly VimObject[]): VimObject {
  const { disks, interfaces } = definition.devices;
  let next = -1;
  const controllers: Controller[] = [...now.controllers];
  const added: VimObject[] = [];
  const add = (device: VimObject): void => void added.push({ operation: "add", device });
  const ownerOf = (place: DiskPlace): Controller => {
    const found = controllers.find((each) => each.bus === place.bus && each.number === place.controller);
    if (found !== undefined) return found;
    if (place.bus === "ide" || place.bus === "fdc") return builtIn(place.bus, place.controller);
    const model = place.bus === "scsi" ? scsiModel(definition, place.controller) : undefined;
    const type = model === undefined ? "VirtualAHCIController" : SCSI_MODELS[model];
    const made: Controller = { key: next--, type, bus: place.bus, number: place.controller, model };
    controllers.push(made);
    add({
      $type: type,
      ...{ key: made.key, busNumber: made.number },
      ...(model === undefined ? {} : { sharedBus: "noSharing" }),
    });
    return made;
  };
  for (const controller of scsiNumbers(definition)) ownerOf({ bus: "scsi", controller, unit: 0 });
  for (const disk of disks) {
    if (now.disks.some((there) => staysDisk(disk, there))) continue;
    const place = placeOfDisk(definition, disk);
    add(diskDevice(disk, next--, ownerOf(place).key, place.unit));
  }
  for (const nic of interfaces) {
    if (!now.nics.some((there) => staysNic(nic, there))) add(nicDevice(nic, next--));
  }
  const deviceChange = [...removed, ...edited(definition, now), ...added];
  return deviceChange.length === 0 ? {} : { deviceChange };
}

/** Every machine has two controllers for IDE and one for floppies, at these keys. */
function builtIn(bus: "ide" | "fdc", number: number): Controller {
  const [type, key] = bus === "ide" ? ["VirtualIDEController", 200] : ["VirtualSIOController", 400];
  return { key: key + number, type, bus, number, model: undefined };
}

/** Drives with another medium, and cards that are connected otherwise. */
function edited({ devices }: DomainDefinition, now: Hardware): readonly VimObject[] {
  const drives = now.disks.flatMap((there) => {
    const wanted = devices.disks.find((disk) => staysDisk(disk, there));
    if (wanted === undefined || isSameFile(wanted, there)) return [];
    return [editOf(there, diskDevice(wanted, there.key, there.controllerKey, there.place.unit))];
  });
  const cards = now.nics.flatMap((there) => {
    const wanted = devices.interfaces.find((nic) => staysNic(nic, there));
    if (wanted === undefined || isSameNic(wanted, there)) return [];
    return [editOf(there, { ...nicDevice(wanted, there.key), $type: there.type })];
  });
  return [...drives, ...cards];
}

/** Servers take a device that is edited with the description that it has, which they write anew. */
function editOf({ label }: { readonly label: string }, { $type, key, ...rest }: VimObject): VimObject {
  const deviceInfo = { $type: "Description", label, summary: "" };
  return { operation: "edit", device: { $type, key, deviceInfo, ...rest } as VimObject };
}

function scsiModel({ devices }: DomainDefinition, number: number): ScsiModel {
  const found = devices.controllers.find((each) => each.type === "scsi" && (each.index ?? 0) === number);
  return found?.model !== undefined && found.model in SCSI_MODELS ? (found.model as ScsiModel) : "lsilogic";
}

function placeOfDisk({ name }: DomainDefinition, { target }: Disk): DiskPlace {
  const place =
    target.bus === "scsi" || target.bus === "ide" || target.bus === "sata" || target.bus === "fdc"
      ? placeOf(target.bus, target.dev)
      : undefined;
  if (place !== undefined) return place;
  throw new VirtError(
    "CONFIG_UNSUPPORTED",
    `guest "${name}" cannot have a disk ${target.dev} on the bus ${target.bus ?? "of that name"}: vSphere has scsi (sda), sata (sda), ide (hda) and fdc (fda, for floppies)`,
    { resource: { type: "device", name: target.dev } },
  );
}

function diskDevice(disk: Disk, key: number, controllerKey: number, unitNumber: number): VimObject {
  const file = sourcePath(disk) ?? "";
  const where = { controllerKey, unitNumber };
  if (disk.device === "floppy") {
    const backing =
      file === ""
        ? { $type: "VirtualFloppyRemoteDeviceBackingInfo", deviceName: "", useAutoDetect: false }
        : { $type: "VirtualFloppyImageBackingInfo", fileName: file };
    return { ...{ $type: "VirtualFloppy", key, backing }, connectable: mediumIn(file), ...where };
  }
  if (disk.device === "cdrom") {
    const backing =
      file === ""
        ? { $type: "VirtualCdromRemotePassthroughBackingInfo", deviceName: "", exclusive: false }
        : { $type: "VirtualCdromIsoBackingInfo", fileName: file };
    return {
      ...{ $type: "VirtualCdrom", key, backing },
      connectable: mediumIn(file),
      ...where,
    };
  }
  const backing = { $type: "VirtualDiskFlatVer2BackingInfo", fileName: file, diskMode: "persistent" };
  // The size of a disk that exists is its own.
  return { $type: "VirtualDisk", key, backing, ...where, capacityInKB: 0 };
}

function mediumIn(file: string): VimObject {
  return { startConnected: file !== "", allowGuestControl: true, connected: file !== "" };
}

function nicDevice(nic: Interface, key: number): VimObject {
  const model = nic.model !== undefined && nic.model in NIC_MODELS ? (nic.model as NicModel) : "e1000";
  return {
    ...{ $type: NIC_MODELS[model], key, backing: nicBacking(nic) },
    connectable: { startConnected: isUp(nic), allowGuestControl: true, connected: isUp(nic) },
    ...{ addressType: "manual", macAddress: nic.mac?.address },
  };
}

function isUp({ link }: Interface): boolean {
  return link !== "down";
}

function nicBacking(nic: Interface): VimObject {
  if (nic.type === "vds") {
    const { switchid, portgroupid } = nic.source;
    return {
      $type: "VirtualEthernetCardDistributedVirtualPortBackingInfo",
      port: { switchUuid: switchid, portgroupKey: portgroupid },
    };
  }
  const network = nic.type === "bridge" ? (nic.source?.bridge ?? "") : "";
  return { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: network };
}

/** It is there, perhaps with another medium. */
function staysDisk(wanted: Disk, there: PlacedDisk): boolean {
  const isIt =
    wanted.target.dev === targetOf(there.place) &&
    wanted.target.bus === there.place.bus &&
    wanted.device === there.device;
  return isIt && (there.device !== "disk" || isSameFile(wanted, there));
}

function isSameFile(wanted: Disk, there: PlacedDisk): boolean {
  return (sourcePath(wanted) ?? "") === there.file;
}

/** It is there, perhaps connected otherwise. */
function staysNic(wanted: Interface, there: PlacedNic): boolean {
  return wanted.mac?.address.toLowerCase() === there.mac && (wanted.model ?? there.model) === there.model;
}

function isSameNic(wanted: Interface, there: PlacedNic): boolean {
  const is = (field: string, value: string | undefined): boolean =>
    value === (textAt(there.backing, field) ?? textAt(there.backing, "port", field));
  const isThere =
    wanted.type === "vds"
      ? is("portgroupKey", wanted.source.portgroupid)
      : wanted.type === "bridge" && is("deviceName", wanted.source?.bridge);
  return isThere && isUp(wanted) === there.connected && staysNic(wanted, there);
}
