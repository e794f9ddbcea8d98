import { domainTree } from "@virtmesh/documents/domain/document";
import type { Cpu } from "@virtmesh/documents/domain/cpu";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { XmlTree } from "@virtmesh/documents/xml/tree";
import { OVMF } from "./names.ts";
import { type Dialect, unsupported } from "./setting.ts";

/**
 * Refuses a definition that a file does not say the whole of: `read` is what the file says. It may say more.
 * @throws CONFIG_UNSUPPORTED naming the first element or attribute that got lost
 */
export function checkLosses(definition: DomainDefinition, read: DomainDefinition, dialect: Dialect): void {
  const lost = firstLoss(domainTree(asSaid(definition)), domainTree(asSaid(read)), "");
  if (lost === undefined) return;
  throw unsupported(
    `a file of ${dialect} cannot say ${lost.what}; remove it`,
    lost.path.replace(/^\/domain\//, ""),
  );
}

/** The same guest in the words that a file is read into, without what is nothing to Xen. */
function asSaid(definition: DomainDefinition): DomainDefinition {
  const { metadata: _metadata, title: _title, description: _description, id: _id, ...guest } = definition;
  const { firmwareKind: _kind, ...os } = definition.os;
  const { devices, clock, cpu } = definition;
  const isUefi = definition.os.firmwareKind === "efi" && os.loader?.path === undefined;
  const lists = Object.entries(devices).map(([name, list]) => [
    name,
    Array.isArray(list) ? list.map(({ alias: _alias, ...device }) => device) : list,
  ]);
  const variable = { adjustment: 0, timers: clock?.timers ?? [] };
  const isPlain =
    (clock?.offset === "utc" || clock?.offset === "localtime") && clock.adjustment === undefined;
  return {
    ...guest,
    os: isUefi ? { ...os, loader: { ...os.loader, readonly: true, type: "pflash", path: OVMF } } : os,
    // A clock that is never adjusted is one adjusted by nothing.
    ...(os.type.kind === "hvm" && isPlain
      ? { clock: { offset: "variable", basis: clock.offset, ...variable } }
      : {}),
    ...(cpu === undefined ? {} : { cpu: { ...cpu, features: cpu.features.map(asPolicy) } }),
    devices: {
      ...(Object.fromEntries(lists) as typeof devices),
      disks: devices.disks.map(asServed),
    },
  };
}

function asServed({ alias: _alias, ...disk }: Disk): Disk {
  // That was the name of what reads files without QEMU, once.
  const driver = disk.driver?.name === "file" ? { driver: { ...disk.driver, name: "qemu" } } : {};
  // A drive with nothing in it is of no kind.
  return disk.source === undefined ? { ...disk, ...driver, type: "file" } : { ...disk, ...driver };
}

const POLICIES = { require: "force", forbid: "disable" } as const;

/** Xen has a feature or not; it asks nobody whether it may. */
function asPolicy({ name, policy = "require" }: Cpu["features"][number]): Cpu["features"][number] {
  return { name, policy: policy === "require" || policy === "forbid" ? POLICIES[policy] : policy };
}

interface Loss {
  readonly what: string;
  readonly path: string;
}

function firstLoss(
  wanted: XmlTree,
  read: XmlTree | undefined,
  parent: string,
  number = "",
): Loss | undefined {
  const path = `${parent}/${wanted.name}${number}`;
  if (read === undefined) return { what: `<${wanted.name}>`, path };
  for (const { name, value } of wanted.attributes) {
    if (name.startsWith("xmlns")) continue;
    const found = read.attributes.find((a) => a.name === name)?.value;
    if (found !== value)
      return { what: name === "passwd" ? name : `${name}="${value}"`, path: `${path}/@${name}` };
  }
  const [text, readText] = [textOf(wanted), textOf(read)];
  if (text !== readText) return { what: `"${text}"`, path };
  const left = elementsOf(read);
  for (const child of elementsOf(wanted)) {
    const alike = elementsOf(wanted).filter(({ name }) => name === child.name);
    const place = alike.length > 1 ? `[${alike.indexOf(child) + 1}]` : "";
    const candidates = left.filter(({ name }) => name === child.name);
    const same = candidates.find((candidate) => firstLoss(child, candidate, path) === undefined);
    if (same === undefined) return firstLoss(child, candidates[0], path, place);
    left.splice(left.indexOf(same), 1);
  }
  return undefined;
}

function elementsOf({ children }: XmlTree): XmlTree[] {
  return children.filter((child) => typeof child !== "string");
}

function textOf({ children }: XmlTree): string {
  return children.filter((child) => typeof child === "string").join("");
}
