import { domainUuid } from "@virtmesh/core/ids";
import type { Controller as ControllerDevice } from "@virtmesh/documents/domain/devices/controller";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { type Controller, hardwareOf, type PlacedDisk, type PlacedNic } from "./hardware.ts";
import { readNotes } from "./kept.ts";
import { GENERATION, type HostNames, type SystemSettings } from "./model.ts";
import { targetOf } from "./places.ts";

const MIB = 1n << 20n;

/** A definition that says the least there is to say. */
export function bareDefinition(memoryBytes: bigint): IdentifiedDomain {
  return parseDomain(
    `<domain type="hyperv"><name>unnamed</name><memory unit="b">${memoryBytes}</memory><os><type arch="x86_64">hvm</type></os></domain>`,
  ) as IdentifiedDomain;
}

/**
 * What the settings of a guest say, in libvirt's terms. `system`: the GUID by which Hyper-V knows it, which is its UUID
 * unless it was given another. Devices that libvirt has no word for are left out.
 */
export function definitionOf(system: string, settings: SystemSettings, names: HostNames): IdentifiedDomain {
  const { memory, processor } = settings;
  const hardware = hardwareOf(settings, names);
  const start = (memory?.VirtualQuantity ?? 0n) * MIB;
  const most = memory?.DynamicMemoryEnabled === true ? (memory.Limit ?? 0n) * MIB : start;
  const base = bareDefinition(most);
  const { description, kept } = readNotes(settings.system.Notes ?? [], system);
  return {
    ...base,
    name: settings.system.ElementName ?? "",
    uuid: domainUuid((kept.uuid ?? system).toLowerCase()),
    ...(kept.title === undefined ? {} : { title: kept.title }),
    ...(description === "" ? {} : { description }),
    ...(kept.metadata === undefined ? {} : metadataOf(kept.metadata)),
    currentMemory: { bytes: start },
    vcpu: { count: Number(processor?.VirtualQuantity ?? 1n) },
    os: {
      ...base.os,
      ...(settings.system.VirtualSystemSubType === GENERATION.efi ? { firmwareKind: "efi" as const } : {}),
    },
    devices: {
      ...base.devices,
      controllers: hardware.controllers.flatMap(controllerDevice),
      disks: hardware.disks.map(diskDevice),
      interfaces: hardware.nics.map(interfaceDevice),
    },
  };
}

function metadataOf(xml: string): Pick<IdentifiedDomain, "metadata"> {
  const { metadata } = parseDomain(xml);
  return metadata === undefined ? {} : { metadata };
}

/** Every guest with a BIOS has its two IDE controllers. */
function controllerDevice({ bus, number }: Controller): readonly ControllerDevice[] {
  return bus === "scsi" ? [{ type: "scsi", index: number }] : [];
}

function diskDevice({ place, device, file }: PlacedDisk): Disk {
  const target = { dev: targetOf(place), bus: place.bus };
  return { ...{ type: "file", device, target }, ...(file === "" ? {} : { source: { file, seclabels: [] } }) };
}

/** The cards that need no driver are of DEC's kind. */
export const EMULATED_MODEL = "tulip";

function interfaceDevice({ kind, mac, network }: PlacedNic): Interface {
  return {
    type: "bridge",
    ...(mac === "" ? {} : { mac: { address: mac } }),
    ...(network === "" ? {} : { source: { bridge: network } }),
    ...(kind === "emulated" ? { model: EMULATED_MODEL } : {}),
  } as Interface;
}
