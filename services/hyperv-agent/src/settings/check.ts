import { VirtError } from "@virtmesh/core/errors";
import { busOf, type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import { diffDomains } from "@virtmesh/documents/domain/diff";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { placeOf } from "./places.ts";
import { bareDefinition, EMULATED_MODEL } from "./read.ts";

const MIB = 1n << 20n;

/**
 * The definition as Hyper-V would have it, with what it fills in: controllers that disks hang at. Nothing that was
 * given is dropped. @throws CONFIG_UNSUPPORTED with the place of what Hyper-V has no counterpart for
 */
export function settled(given: IdentifiedDomain): IdentifiedDomain {
  const kept = keptBy(given);
  const [lost] = diffDomains(kept, given, { leavesOpen: true });
  if (lost !== undefined) throw refused(given, lost.path, lost.to);
  for (const disk of given.devices.disks) checkPlace(given, disk);
  return kept;
}

/** What of a definition comes back when Hyper-V is asked for it. */
function keptBy(given: IdentifiedDomain): IdentifiedDomain {
  const { name, uuid, title, description, metadata, os, devices } = given;
  const base = bareDefinition(wholeMib(given.memory.bytes));
  return {
    ...base,
    ...{ name, uuid },
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
    currentMemory: { bytes: wholeMib(given.currentMemory?.bytes ?? given.memory.bytes) },
    vcpu: { count: given.vcpu.count },
    os: { ...base.os, ...(os.firmwareKind === "efi" ? { firmwareKind: os.firmwareKind } : {}) },
    devices: {
      ...base.devices,
      controllers: scsiNumbers(given).map((index) => ({ type: "scsi", index })),
      disks: devices.disks.flatMap(diskKept),
      interfaces: devices.interfaces.flatMap(cardKept),
    },
  };
}

function wholeMib(bytes: bigint): bigint {
  return (bytes / MIB) * MIB;
}

function diskKept(disk: Disk): readonly Disk[] {
  if (disk.type !== "file" || (disk.device !== "disk" && disk.device !== "cdrom")) return [];
  const file = sourcePath(disk);
  const target = { dev: disk.target.dev, bus: busOf(disk) };
  return [
    {
      ...{ type: "file", device: disk.device, target },
      ...(file === undefined ? {} : { source: { file, seclabels: [] } }),
    },
  ];
}

function cardKept(nic: Interface): readonly Interface[] {
  if (nic.type !== "bridge") return [];
  return [
    {
      type: "bridge",
      ...(nic.mac === undefined ? {} : { mac: { address: nic.mac.address } }),
      ...(nic.source?.bridge === undefined ? {} : { source: { bridge: nic.source.bridge } }),
      ...(nic.model === EMULATED_MODEL ? { model: EMULATED_MODEL } : {}),
    } as Interface,
  ];
}

/** Controllers that are named and those that disks hang at, and with them all of lower numbers: they are counted. */
export function scsiNumbers({ devices }: IdentifiedDomain): readonly number[] {
  const named = devices.controllers.flatMap((each) => (each.type === "scsi" ? [each.index ?? 0] : []));
  const used = devices.disks.flatMap((disk) => {
    const place = placeOf(busOf(disk), disk.target.dev);
    return place?.bus === "scsi" ? [place.controller] : [];
  });
  return Array.from({ length: Math.max(-1, ...named, ...used) + 1 }, (_, number) => number);
}

function checkPlace(given: IdentifiedDomain, disk: Disk): void {
  const { dev } = disk.target;
  const place = placeOf(busOf(disk), dev);
  const why =
    place === undefined
      ? `on the bus ${busOf(disk)}: Hyper-V has scsi (sda to sdiv) and ide (hda to hdd)`
      : place.bus === "ide" && given.os.firmwareKind === "efi"
        ? "on IDE, since guests with UEFI have none; use the bus scsi"
        : disk.device === "disk" && sourcePath(disk) === undefined
          ? "without a file; name the .vhdx that it is"
          : undefined;
  if (why === undefined) return;
  throw new VirtError("CONFIG_UNSUPPORTED", `guest "${given.name}" cannot have a disk ${dev} ${why}`, {
    resource: { type: "device", name: dev },
    violations: [{ field: `disk ${dev}`, description: why }],
  });
}

function refused(given: IdentifiedDomain, path: string, to: string): VirtError {
  return new VirtError(
    "CONFIG_UNSUPPORTED",
    `Hyper-V cannot be told ${path} of guest "${given.name}"${to === "" ? "" : ` (${to})`}; leave it out of the definition`,
    {
      resource: { type: "domain", name: given.name },
      violations: [{ field: path, description: "has no counterpart in Hyper-V" }],
    },
  );
}
