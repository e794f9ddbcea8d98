import { VirtError } from "@virtmesh/core/errors";
import type { Controller } from "@virtmesh/documents/domain/devices/controller";
import { busOf, type Disk } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { Video } from "@virtmesh/documents/domain/devices/video";
import { diffDomains } from "@virtmesh/documents/domain/diff";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { placeOf } from "./disk-places.ts";
import { NIC_MODELS, SCSI_MODELS, type ScsiModel } from "./hardware.ts";

const MIB = 1n << 20n;
/** Of the screen that a guest has without more being said. */
const VRAM_KIB = 4096;

/**
 * The definition as vSphere would have it, with what it fills in: controllers, models of cards. Nothing that was given is
 * dropped. @throws CONFIG_UNSUPPORTED with the place of what vSphere has no counterpart for
 */
export function settled(given: IdentifiedDomain): IdentifiedDomain {
  const kept = keptBy(given);
  const [lost] = diffDomains(kept, given, { leavesOpen: true });
  if (lost === undefined) return kept;
  throw new VirtError(
    "CONFIG_UNSUPPORTED",
    `vSphere cannot be told ${lost.path} of guest "${given.name}"${lost.to === "" ? "" : ` (${lost.to})`}; leave it out of the definition`,
    {
      resource: { type: "domain", name: given.name },
      violations: [{ field: lost.path, description: "has no counterpart in vSphere" }],
    },
  );
}

/** What of a definition comes back when vSphere is asked for it. */
function keptBy(given: IdentifiedDomain): IdentifiedDomain {
  const { name, uuid, title, description, metadata, os, devices } = given;
  const base = parseDomain(
    `<domain type="vmware"><name>unnamed</name><memory unit="b">${(given.memory.bytes / MIB) * MIB}</memory><os><type>hvm</type></os></domain>`,
  );
  const current = given.currentMemory?.bytes ?? given.memory.bytes;
  const disks = devices.disks.filter((disk) => disk.type === "file");
  return {
    ...base,
    ...{ name, uuid },
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
    ...usual(given),
    currentMemory: { bytes: (current / MIB) * MIB },
    vcpu: {
      count: given.vcpu.count,
      ...(given.vcpu.current === undefined ? {} : { current: given.vcpu.current }),
      ...(given.vcpu.placement === "static" ? { placement: given.vcpu.placement } : {}),
    },
    os: {
      ...base.os,
      ...(os.firmwareKind === "efi" ? { firmwareKind: os.firmwareKind } : {}),
      type: { kind: "hvm", arch: os.type.arch === "i686" ? "i686" : "x86_64" },
    },
    devices: {
      ...base.devices,
      controllers: [
        ...scsiNumbers(given).map((index) => ({
          type: "scsi" as const,
          index,
          model: modelAt(given, index),
        })),
        ...devices.controllers.flatMap(controllerKept),
      ],
      disks: disks.map(({ target, device, ...disk }) => ({
        ...{ type: "file", device, target: { dev: target.dev, bus: busOf({ ...disk, device, target }) } },
        // A CD is never written, whether that is said or not.
        ...(device === "cdrom" && disk.readonly === true ? { readonly: true } : {}),
        ...(isWhereNamed(disk.address, target.dev, busOf({ ...disk, device, target }))
          ? { address: disk.address }
          : {}),
        ...(disk.source?.file === undefined ? {} : { source: { file: disk.source.file, seclabels: [] } }),
      })) as IdentifiedDomain["devices"]["disks"],
      interfaces: devices.interfaces.flatMap(cardKept),
      videos: devices.videos.slice(0, 1).flatMap(screenKept),
    },
  };
}

/** What a definition may say of a guest's life, since it is so of every guest of vSphere. */
function usual({ clock, onPoweroff, onReboot, onCrash }: IdentifiedDomain): Partial<IdentifiedDomain> {
  return {
    ...(clock?.offset === "utc" ? { clock: { offset: clock.offset, timers: [] } } : {}),
    ...(onPoweroff === "destroy" ? { onPoweroff } : {}),
    ...(onReboot === "restart" ? { onReboot } : {}),
    ...(onCrash === "destroy" ? { onCrash } : {}),
  };
}

/** Controllers that vSphere has, or makes for the disks at them. */
function controllerKept({ type, index }: Controller): readonly Controller[] {
  if (type !== "ide" && type !== "sata" && type !== "fdc") return [];
  return [{ type, ...(index === undefined ? {} : { index }) }];
}

/** An address that says the same as the name of the disk. */
function isWhereNamed(address: Disk["address"], dev: string, bus: Disk["target"]["bus"]): boolean {
  if (address?.type !== "drive") return false;
  if (bus !== "scsi" && bus !== "ide" && bus !== "sata" && bus !== "fdc") return false;
  const place = placeOf(bus, dev);
  // IDE has one controller with two buses to libvirt.
  const controller = bus === "ide" ? address.bus : address.controller;
  return place !== undefined && place.controller === controller && place.unit === address.unit;
}

/** The screen that every guest of vSphere has. */
function screenKept({ model }: Video): readonly Video[] {
  if (model?.type !== "vmvga" || (model.vram ?? VRAM_KIB) !== VRAM_KIB) return [];
  const { type, vram, primary } = model;
  return [
    {
      model: {
        type,
        ...(vram === undefined ? {} : { vram }),
        ...(primary === undefined ? {} : { primary }),
      },
    },
  ];
}

function cardKept(nic: Interface): readonly Interface[] {
  const model = nic.model !== undefined && nic.model in NIC_MODELS ? nic.model : "e1000";
  const common = {
    ...(nic.mac === undefined
      ? {}
      : { mac: { address: nic.mac.address, ...(nic.mac.type === undefined ? {} : { type: nic.mac.type }) } }),
    ...(nic.link === undefined ? {} : { link: nic.link }),
    model,
  };
  switch (nic.type) {
    case "bridge":
      return [{ type: "bridge", ...common, source: { bridge: nic.source?.bridge ?? "" } } as Interface];
    case "vds": {
      const { switchid, portgroupid } = nic.source;
      return [{ type: "vds", ...common, source: { switchid, portgroupid } } as Interface];
    }
    default:
      return [];
  }
}

/** Controllers that are named, and those that disks hang at. */
function scsiNumbers({ devices }: IdentifiedDomain): readonly number[] {
  const named = devices.controllers.flatMap((each) => (each.type === "scsi" ? [each.index ?? 0] : []));
  const used = devices.disks.flatMap((disk) =>
    busOf(disk) === "scsi" ? [placeOf("scsi", disk.target.dev)?.controller ?? 0] : [],
  );
  return [...new Set([...named, ...used])].sort((a, b) => a - b);
}

function modelAt({ devices }: IdentifiedDomain, index: number): ScsiModel {
  const model = devices.controllers.find(
    (each) => each.type === "scsi" && (each.index ?? 0) === index,
  )?.model;
  return model !== undefined && model in SCSI_MODELS ? (model as ScsiModel) : "lsilogic";
}
