import { type DomainUuid, domainUuid } from "@virtmesh/core/ids";
import type { Controller as ControllerDevice } from "@virtmesh/documents/domain/devices/controller";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { at, childrenOf, numberAt, textAt, type VimNode } from "../vim/node.ts";
import { targetOf } from "./disk-places.ts";
import { type Controller, hardwareOf, type PlacedDisk, type PlacedNic } from "./hardware.ts";
import { keptBeside } from "./kept.ts";

const MIB = 1n << 20n;

/** What a VirtualMachineConfigInfo says of a guest, in libvirt's terms. Devices that those have no word for are left out. */
export function definitionOf(config: VimNode): IdentifiedDomain {
  const hardware = hardwareOf(config);
  const memory = BigInt(numberAt(config, "hardware", "memoryMB") ?? 0);
  const limit = BigInt(numberAt(config, "memoryAllocation", "limit") ?? -1);
  const count = numberAt(config, "hardware", "numCPU") ?? 1;
  const base = parseDomain(
    `<domain type="vmware"><name>unnamed</name><memory unit="MiB">${memory}</memory><os><type>hvm</type></os></domain>`,
  );
  const description = textAt(config, "annotation") ?? "";
  return {
    ...base,
    name: textAt(config, "name") ?? "",
    uuid: uuidOf(config),
    ...kept(config, count),
    ...(description === "" ? {} : { description }),
    currentMemory: { bytes: (limit >= 0n && limit < memory ? limit : memory) * MIB },
    os: {
      ...base.os,
      ...(textAt(config, "firmware") === "efi" ? { firmwareKind: "efi" as const } : {}),
      type: { kind: "hvm", arch: /64/.test(textAt(config, "guestId") ?? "") ? "x86_64" : "i686" },
    },
    devices: {
      ...base.devices,
      disks: hardware.disks.filter((disk) => !disk.other).map(diskDevice),
      controllers: hardware.controllers.flatMap(controllerDevice),
      interfaces: hardware.nics.flatMap(interfaceDevice),
    },
  };
}

function uuidOf(config: VimNode): DomainUuid {
  return domainUuid(textAt(config, "uuid") ?? "");
}

/** The last one of a key counts. */
function kept(config: VimNode, cpus: number): Pick<IdentifiedDomain, "title" | "metadata" | "vcpu"> {
  const extra = new Map(
    childrenOf(config, "extraConfig").map((each) => [textAt(each, "key") ?? "", textAt(each, "value") ?? ""]),
  );
  return keptBeside((key) => extra.get(key), cpus);
}

function diskDevice({ place, device, file }: PlacedDisk): Disk {
  const target = { dev: targetOf(place), bus: place.bus };
  return {
    ...{ type: "file", device, target },
    ...(file === "" ? {} : { source: { file, seclabels: [] } }),
  };
}

function controllerDevice({ bus, number, model }: Controller): readonly ControllerDevice[] {
  return bus === "scsi" && model !== undefined ? [{ type: "scsi", index: number, model }] : [];
}

function interfaceDevice(nic: PlacedNic): readonly Interface[] {
  const common = {
    mac: { address: nic.mac },
    ...(nic.model === undefined ? {} : { model: nic.model }),
    ...(nic.connected ? {} : { link: "down" as const }),
  };
  const { backing } = nic;
  switch (backing?.type) {
    case "VirtualEthernetCardNetworkBackingInfo":
      return [
        { type: "bridge", ...common, source: { bridge: textAt(backing, "deviceName") ?? "" } } as Interface,
      ];
    case "VirtualEthernetCardDistributedVirtualPortBackingInfo": {
      const port = at(backing, "port");
      const switchid = uuidOfSwitch(textAt(port, "switchUuid") ?? "");
      const portgroupid = textAt(port, "portgroupKey");
      if (switchid === undefined || portgroupid === undefined) return [];
      return [{ type: "vds", ...common, source: { switchid, portgroupid } } as Interface];
    }
    default:
      return [];
  }
}

/** vSphere writes it as `50 34 26 b2 94 e9 3b 16-1d 68 87 bf ff 4a 54 40`. */
function uuidOfSwitch(text: string): string | undefined {
  const hex = text.toLowerCase().replaceAll(/[^0-9a-f]/g, "");
  return /^[0-9a-f]{32}$/.test(hex)
    ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
    : undefined;
}
