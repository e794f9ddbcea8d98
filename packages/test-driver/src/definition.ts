import { createHash } from "node:crypto";
import type { DiskInfo, GraphicsInfo, InterfaceInfo, ParsedDomain } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import { checkDomainName, newDomainUuid, type DomainUuid } from "@virtmesh/core/ids";
import { busOf, type Disk, sourcePath, withSourcePath } from "@virtmesh/documents/domain/devices/disk";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { FaultPlan } from "./faults.ts";
import { readFaults } from "./faults-xml.ts";

/** A definition that the test hypervisor has taken, with what it reads out of it often. */
export interface Definition {
  readonly model: IdentifiedDomain;
  readonly etag: string;
  /** Counts down over starts and stops, until the guest is defined anew. */
  readonly plan: FaultPlan;
}

/** @throws what parsing throws; CONFIG_UNSUPPORTED for a guest of another hypervisor. */
export function readDefinition(xml: string): {
  readonly parsed: ParsedDomain;
  readonly definition: Definition;
} {
  const model = parseDomain(xml);
  if (model.type !== "test") {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `the test hypervisor runs guests of the type "test", "${model.name}" is of the type "${model.type}"`,
      { violations: [{ field: "/domain/@type", description: 'must be "test"' }] },
    );
  }
  checkDomainName(model.name);
  const uuid = model.uuid === undefined ? newDomainUuid() : (model.uuid as DomainUuid);
  const definition = toDefinition(withAddresses({ ...model, uuid }));
  return {
    parsed: {
      uuid,
      name: model.name,
      uuidGenerated: model.uuid === undefined,
      xml: formatDomain(definition.model, { secure: true }),
    },
    definition,
  };
}

export function toDefinition(model: IdentifiedDomain): Definition {
  const xml = formatDomain(model, { secure: true, inactive: true });
  const metadata = model.metadata?.children.filter((child) => typeof child !== "string") ?? [];
  return {
    model,
    etag: createHash("sha256").update(xml).digest("hex").slice(0, 16),
    plan: new FaultPlan(readFaults(metadata)),
  };
}

/** As libvirt does, a network card without an address gets one: the same for the same guest. */
export function withAddresses(model: IdentifiedDomain): IdentifiedDomain {
  const interfaces = model.devices.interfaces.map((nic, i) => {
    if (nic.mac !== undefined) return nic;
    const hash = createHash("sha256").update(`${model.uuid}/${i}`).digest();
    const tail = [...hash.subarray(0, 3)].map((b) => b.toString(16).padStart(2, "0"));
    return { ...nic, mac: { address: ["52", "54", "00", ...tail].join(":") } };
  });
  return { ...model, devices: { ...model.devices, interfaces } };
}

/** The same definition with copied disks at their new places. */
export function withDiskPaths(model: IdentifiedDomain, paths: ReadonlyMap<string, string>): IdentifiedDomain {
  const disks = model.devices.disks.map((disk) => {
    const path = paths.get(disk.target.dev);
    return path === undefined ? disk : withSourcePath(disk, path);
  });
  return { ...model, devices: { ...model.devices, disks } };
}

export function disksOf(model: IdentifiedDomain): DiskInfo[] {
  return model.devices.disks.map((disk) => ({
    target: disk.target.dev,
    bus: busOf(disk),
    device: disk.device,
    type: disk.type,
    source: sourcePath(disk) ?? "",
    format: disk.driver?.type ?? "raw",
    readonly: isReadonly(disk),
    shareable: disk.shareable === true,
  }));
}

/** A cdrom is read-only whether the document says so or not. */
function isReadonly(disk: Disk): boolean {
  return disk.readonly === true || disk.device === "cdrom";
}

export function interfacesOf(model: IdentifiedDomain): InterfaceInfo[] {
  return model.devices.interfaces.map((nic, i) => ({
    mac: nic.mac?.address ?? "",
    type: nic.type,
    source: sourceOf(nic),
    model: nic.model ?? "",
    device: nic.target?.dev ?? `testnet${i}`,
  }));
}

function sourceOf(nic: IdentifiedDomain["devices"]["interfaces"][number]): string {
  const source: unknown = "source" in nic ? nic.source : undefined;
  if (typeof source !== "object" || source === null) return "";
  for (const name of ["network", "bridge", "dev"]) {
    const value: unknown = Reflect.get(source, name);
    if (typeof value === "string") return value;
  }
  return "";
}

export function graphicsOf(model: IdentifiedDomain): GraphicsInfo[] {
  return model.devices.graphics.map((graphics) => ({
    type: graphics.type,
    listen: "127.0.0.1",
    port: Math.max(0, ("port" in graphics ? graphics.port : undefined) ?? 0),
    socket: "",
  }));
}
