import { busOf, type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { ClassName, Msvm } from "../msvm/types.ts";
import { scsiNumbers } from "./check.ts";
import type { Controller, Hardware, PlacedDisk, PlacedNic } from "./hardware.ts";
import { writeNotes } from "./kept.ts";
import { GENERATION, KINDS, type SystemSettings } from "./model.ts";
import { placeOf, targetOf, type DiskPlace } from "./places.ts";
import { EMULATED_MODEL } from "./read.ts";

const MIB = 1n << 20n;

/** A drive to add at a controller, and what lies in it. */
export interface NewDisk {
  readonly place: DiskPlace;
  readonly device: "disk" | "cdrom";
  readonly file: string;
}

export interface NewNic {
  readonly kind: "synthetic" | "emulated";
  /** `00155D000001`; undefined for one that the host gives it. */
  readonly address: string | undefined;
  /** Name of the switch; empty for none. */
  readonly network: string;
}

/** What is to be done to the hardware of a guest, in this order: first what goes, then what comes. */
export interface HardwareChange {
  /** Media before their drives, and those before their controllers. */
  readonly removed: readonly { readonly className: ClassName; readonly id: string }[];
  readonly scsiControllers: number;
  readonly disks: readonly NewDisk[];
  readonly nics: readonly NewNic[];
}

/** Settings with which a guest is made. Which GUID Hyper-V will give it nobody knows yet. */
export function systemForNew(definition: IdentifiedDomain): Msvm<"Msvm_VirtualSystemSettingData"> {
  const { name, uuid } = definition;
  return {
    ElementName: name,
    VirtualSystemSubType: generationOf(definition),
    Notes: writeNotes(definition, metadataOf(definition), undefined),
    // The UUID that the guest's own system sees.
    BIOSGUID: `{${uuid.toUpperCase()}}`,
  };
}

export function generationOf({ os }: IdentifiedDomain): string {
  return os.firmwareKind === "efi" ? GENERATION.efi : GENERATION.bios;
}

/** Name and notes of a guest that is there. `system`: its GUID. */
export function systemForChange(
  definition: IdentifiedDomain,
  system: string,
  now: SystemSettings["system"],
): Msvm<"Msvm_VirtualSystemSettingData"> {
  return {
    ...(now.InstanceID === undefined ? {} : { InstanceID: now.InstanceID }),
    ElementName: definition.name,
    Notes: writeNotes(definition, metadataOf(definition), system),
  };
}

/** More at most than at the start is what Hyper-V calls dynamic memory. */
export function memoryOf({ memory, currentMemory }: IdentifiedDomain): Msvm<"Msvm_MemorySettingData"> {
  const most = memory.bytes / MIB;
  const start = (currentMemory?.bytes ?? memory.bytes) / MIB;
  return {
    DynamicMemoryEnabled: start < most,
    VirtualQuantity: start,
    // Without dynamic memory these say nothing, and must not contradict.
    Reservation: start,
    Limit: most,
  };
}

export function processorOf({ vcpu }: IdentifiedDomain): Msvm<"Msvm_ProcessorSettingData"> {
  return { VirtualQuantity: BigInt(vcpu.count) };
}

/** What makes the hardware of a guest that of the definition. */
export function hardwareChange(definition: IdentifiedDomain, now: Hardware): HardwareChange {
  const { disks, interfaces } = definition.devices;
  const numbers = scsiNumbers(definition);
  const goneDisks = now.disks.filter((there) => !disks.some((wanted) => isSameDisk(wanted, there)));
  const goneNics = now.nics.filter((there) => !interfaces.some((wanted) => isSameNic(wanted, there)));
  const goneControllers = now.controllers.filter(
    ({ bus, number }) => bus === "scsi" && !numbers.includes(number),
  );
  const there = now.controllers.filter(({ bus }) => bus === "scsi").length - goneControllers.length;
  return {
    removed: [
      ...goneDisks.map(({ mediumId }) => removal("Msvm_StorageAllocationSettingData", mediumId)),
      ...goneDisks.map(({ driveId }) => removal("Msvm_ResourceAllocationSettingData", driveId)),
      ...goneNics.map(({ connectionId }) => removal("Msvm_EthernetPortAllocationSettingData", connectionId)),
      ...goneNics.map(({ kind, portId }) => removal(PORT_CLASSES[kind], portId)),
      ...goneControllers.map(({ id }) => removal("Msvm_ResourceAllocationSettingData", id)),
    ].flat(),
    scsiControllers: numbers.length - there,
    disks: disks.filter((wanted) => !now.disks.some((each) => isSameDisk(wanted, each))).flatMap(newDisk),
    nics: interfaces.filter((wanted) => !now.nics.some((each) => isSameNic(wanted, each))).flatMap(newNic),
  };
}

/** The class of the settings of a card of each kind. */
export const PORT_CLASSES = {
  synthetic: "Msvm_SyntheticEthernetPortSettingData",
  emulated: "Msvm_EmulatedEthernetPortSettingData",
} as const;

function removal(className: ClassName, id: string | undefined): HardwareChange["removed"] {
  return id === undefined ? [] : [{ className, id }];
}

function newDisk(disk: Disk): readonly NewDisk[] {
  const place = placeOf(busOf(disk), disk.target.dev);
  if (place === undefined) return [];
  return [{ place, device: disk.device === "cdrom" ? "cdrom" : "disk", file: sourcePath(disk) ?? "" }];
}

function newNic(nic: Interface): readonly NewNic[] {
  return [
    {
      kind: nic.model === EMULATED_MODEL ? "emulated" : "synthetic",
      address: nic.mac?.address.replaceAll(":", "").toUpperCase(),
      network: nic.type === "bridge" ? (nic.source?.bridge ?? "") : "",
    },
  ];
}

function isSameDisk(wanted: Disk, there: PlacedDisk): boolean {
  return (
    wanted.target.dev === targetOf(there.place) &&
    busOf(wanted) === there.place.bus &&
    wanted.device === there.device &&
    (sourcePath(wanted) ?? "") === there.file
  );
}

function isSameNic(wanted: Interface, there: PlacedNic): boolean {
  const [made] = newNic(wanted);
  return (
    made?.kind === there.kind &&
    made.network === there.network &&
    wanted.mac?.address.toLowerCase() === there.mac
  );
}

export function scsiController(): Msvm<"Msvm_ResourceAllocationSettingData"> {
  return KINDS.scsi;
}

/** `controller`: path of what it hangs at. */
export function driveOf(
  { device, place }: NewDisk,
  controller: string,
): Msvm<"Msvm_ResourceAllocationSettingData"> {
  return {
    ...KINDS[device === "cdrom" ? "dvdDrive" : "diskDrive"],
    Parent: controller,
    AddressOnParent: String(place.unit),
  };
}

/** `drive`: path of what it lies in. */
export function mediumOf(
  { device, file }: NewDisk,
  drive: string,
): Msvm<"Msvm_StorageAllocationSettingData"> {
  return { ...KINDS[device === "cdrom" ? "dvd" : "hardDisk"], Parent: drive, HostResource: [file] };
}

export function portOf({ kind, address }: NewNic): Msvm<"Msvm_SyntheticEthernetPortSettingData"> {
  return {
    ...KINDS[kind],
    ...(kind === "synthetic" ? { VirtualSystemIdentifiers: [`{${crypto.randomUUID().toUpperCase()}}`] } : {}),
    ...(address === undefined ? {} : { Address: address, StaticMacAddress: true }),
  };
}

/** `port`, `network`: paths of the card and of the switch. */
export function connectionOf(port: string, network: string): Msvm<"Msvm_EthernetPortAllocationSettingData"> {
  return { ...KINDS.connection, Parent: port, HostResource: [network], EnabledState: 2 };
}

/** The controller of that number, among those that a guest has. */
export function controllerAt(
  { controllers }: Hardware,
  { bus, controller }: DiskPlace,
): Controller | undefined {
  return controllers.find((each) => each.bus === bus && each.number === controller);
}

/** A definition that has nothing but its metadata, since that may use names of its surroundings. */
function metadataOf(definition: IdentifiedDomain): string {
  const { type, name, memory, os, vcpu, devices, metadata } = definition;
  if (metadata === undefined) return "";
  const none = Object.fromEntries(Object.keys(devices).map((list) => [list, []]));
  return formatDomain({
    ...{ sysinfo: [], seclabels: [], type, name, memory, os, vcpu, metadata },
    devices: { ...devices, ...none },
  });
}
