import type { DiskInfo, DomainInfo, GraphicsInfo, InterfaceInfo } from "@virtmesh/core/driver/domains";
import { busOf, sourcePath } from "./devices/disk.ts";
import type { Disk } from "./devices/disk.ts";
import type { Graphics } from "./devices/graphics.ts";
import type { Interface } from "./devices/interface.ts";
import type { IdentifiedDomain } from "./model.ts";

/** The part of core's DomainInfo that the definition alone decides. */
export type DomainSummary = Pick<
  DomainInfo,
  | "uuid"
  | "name"
  | "type"
  | "vcpus"
  | "memoryBytes"
  | "maxMemoryBytes"
  | "title"
  | "description"
  | "disks"
  | "interfaces"
  | "graphics"
>;

export function summaryOf(definition: IdentifiedDomain): DomainSummary {
  return {
    uuid: definition.uuid,
    name: definition.name,
    type: definition.type,
    vcpus: definition.vcpu.current ?? definition.vcpu.count,
    memoryBytes: definition.currentMemory?.bytes ?? definition.memory.bytes,
    maxMemoryBytes: definition.memory.bytes,
    title: definition.title ?? "",
    description: definition.description ?? "",
    disks: definition.devices.disks.map(diskInfo),
    interfaces: definition.devices.interfaces.map(interfaceInfo),
    graphics: definition.devices.graphics.map(graphicsInfo),
  };
}

function diskInfo(disk: Disk): DiskInfo {
  return {
    target: disk.target.dev,
    bus: busOf(disk),
    device: disk.device,
    type: disk.type,
    source: sourcePath(disk) ?? "",
    format: disk.driver?.type ?? "raw",
    readonly: disk.readonly === true || disk.device === "cdrom",
    shareable: disk.shareable === true,
  };
}

function interfaceInfo(nic: Interface): InterfaceInfo {
  return {
    mac: nic.mac?.address ?? "",
    type: nic.type,
    source: interfaceSource(nic),
    model: nic.model ?? "",
    device: nic.target?.dev ?? "",
  };
}

function interfaceSource(nic: Interface): string {
  switch (nic.type) {
    case "bridge":
      return nic.source?.bridge ?? "";
    case "network":
      return nic.source.network;
    case "direct":
    case "vdpa":
      return nic.source.dev ?? "";
    case "vhostuser":
      return nic.source.path ?? "";
    case "internal":
      return nic.source.name;
    case "vds":
      return nic.source.switchid;
    case "mcast":
    case "server":
    case "client":
    case "udp":
      return `${nic.source.address ?? ""}:${nic.source.port}`;
    case "user":
    case "ethernet":
    case "hostdev":
    case "null":
      return "";
  }
}

function graphicsInfo(graphics: Graphics): GraphicsInfo {
  const listen = "listens" in graphics ? graphics.listens[0] : undefined;
  const socket = listen?.type === "socket" ? listen.socket : undefined;
  const address = listen?.type === "address" || listen?.type === "network" ? listen.address : undefined;
  return {
    type: graphics.type,
    listen: address ?? ("listen" in graphics ? graphics.listen : undefined) ?? "",
    port: Math.max(("port" in graphics ? graphics.port : undefined) ?? 0, 0),
    socket: socket ?? (graphics.type === "vnc" ? (graphics.socket ?? "") : ""),
  };
}
