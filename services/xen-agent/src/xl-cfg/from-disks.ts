import type { Disk, DiskBus } from "@virtmesh/documents/domain/devices/disk";
import type { Kind } from "./from-machine.ts";
import { invalid } from "./setting.ts";
import type { Item, Settings } from "./settings.ts";

/** Disks as in xl-disk-configuration(5). @throws CONFIG_INVALID */
export function disksOf(settings: Settings, kind: Kind): readonly Disk[] {
  return settings.list("disk").map((item) => diskOf(item, kind));
}

/** The bus that the name of a disk means. */
export function busOfTarget(dev: string, kind: Kind): DiskBus {
  if (kind !== "hvm" || dev.startsWith("xvd")) return "xen";
  return dev.startsWith("sd") ? "scsi" : "ide";
}

interface Parts {
  target?: string;
  format?: string;
  vdev?: string;
  access?: string;
  backendtype?: string;
  backend?: string;
  discard?: "unmap" | "ignore";
  isCdrom?: boolean;
}

const POSITIONS = ["target", "format", "vdev", "access"] as const;
const FORMATS = ["raw", "qcow", "qcow2", "qed", "vhd", "empty"];
/** Prefixes of files that were written for xm. */
const OLD_PREFIX = /^(?:(raw|qcow2?|vhd)|phy|file|aio|tap2?|tapdisk|ioemu):(?=\/)/;

function diskOf(item: Item, kind: Kind): Disk {
  const parts = partsOf(item);
  const { vdev, format = "raw", access = "rw", backendtype = "qdisk" } = parts;
  const wrong = (description: string) => invalid(item.line, `${description} in the disk "${item.text}"`);
  if (vdev === undefined) throw wrong("the name that the guest has for it is missing: vdev=");
  if (!FORMATS.includes(format)) throw wrong(`the format is ${FORMATS.join(", ")}, not "${format}"`);
  if (!["r", "ro", "w", "rw"].includes(access)) throw wrong(`the access is r, ro, w or rw, not "${access}"`);
  const name = { qdisk: "qemu", tap: "tap", phy: "phy" }[backendtype];
  if (name === undefined) throw wrong(`the backendtype is qdisk, tap or phy, not "${backendtype}"`);
  const rest = {
    device: parts.isCdrom === true ? ("cdrom" as const) : ("disk" as const),
    driver: {
      name,
      type: format === "empty" ? "raw" : format,
      ...(parts.discard === undefined ? {} : { discard: parts.discard }),
    },
    target: { dev: vdev, bus: busOfTarget(vdev, kind) },
    ...(access.startsWith("r") && access !== "rw" ? { readonly: true as const } : {}),
    ...(parts.backend === undefined ? {} : { backendDomain: parts.backend }),
  };
  if (parts.target === undefined) return { type: "file", ...rest };
  if (parts.target.startsWith("rbd:"))
    return { type: "network", ...rest, source: rbdSource(parts.target.slice("rbd:".length), item.line) };
  const isDevice = name === "phy" && !/^\/(?!dev\/)/.test(parts.target);
  return isDevice
    ? { type: "block", ...rest, source: { dev: parts.target, seclabels: [] } }
    : { type: "file", ...rest, source: { file: parts.target, seclabels: [] } };
}

function partsOf(item: Item): Parts {
  const parts: Parts = {};
  let text = item.text.trimStart();
  let position = 0;
  while (text !== "") {
    // What is named so is the rest, with its commas.
    const whole = /^target=(.*)$/s.exec(text)?.[1];
    const part = whole === undefined ? (text.split(",", 1)[0] ?? "") : text;
    text = text.slice(part.length + 1).trimStart();
    const [, key, value = ""] = /^([a-z-]+)=(.*)$/s.exec(part) ?? [];
    if (whole !== undefined) parts.target = whole;
    else if (key !== undefined) setNamed(parts, key, value, item);
    else if (!setWord(parts, part)) {
      while (position < POSITIONS.length && parts[POSITIONS[position] ?? "target"] !== undefined)
        position += 1;
      const name = POSITIONS[position];
      if (name === undefined) throw invalid(item.line, `"${part}" is too much in the disk "${item.text}"`);
      position += 1;
      setPosition(parts, name, part);
    }
  }
  return parts;
}

function setNamed(parts: Parts, key: string, value: string, item: Item): void {
  switch (key) {
    case "format":
    case "vdev":
    case "access":
    case "backendtype":
    case "backend":
      if (value !== "") parts[key] = value;
      return;
    case "devtype":
      if (value !== "cdrom" && value !== "disk") break;
      parts.isCdrom = value === "cdrom";
      return;
    default:
  }
  throw invalid(
    item.line,
    `"${key}=${value}" in the disk "${item.text}" has no counterpart in libvirt's documents`,
  );
}

function setWord(parts: Parts, word: string): boolean {
  switch (word) {
    case "cdrom":
      parts.isCdrom = true;
      return true;
    case "discard":
      parts.discard = "unmap";
      return true;
    case "no-discard":
      parts.discard = "ignore";
      return true;
    default:
      return false;
  }
}

function setPosition(parts: Parts, name: (typeof POSITIONS)[number], text: string): void {
  if (name === "target") {
    const [prefix, format = "raw"] = OLD_PREFIX.exec(text) ?? [];
    // It says the format, so that none follows.
    if (prefix !== undefined) parts.format = format;
    if (text !== "") parts.target = text.slice(prefix?.length);
    return;
  }
  const [, vdev = text, type] = /^(.*):(cdrom|disk)$/.exec(text) ?? [];
  // Nor does one of an empty drive.
  const isVdev = name === "vdev" || (type !== undefined && parts.target === undefined);
  if (isVdev && type !== undefined) parts.isCdrom = type === "cdrom";
  if (isVdev) parts.vdev = vdev;
  else if (text !== "") parts[name] = text;
}

type RbdSource = NonNullable<Extract<Disk, { readonly type: "network" }>["source"]>;

/** `pool/image@snapshot:option=value:...`, where a backslash keeps a colon from ending an option. */
function rbdSource(text: string, line: number): RbdSource {
  const [image = "", ...options] = text.split(/(?<!\\):/);
  const [name = "", snapshot] = image.split("@");
  const hosts: { name: string; port?: number }[] = [];
  let config: string | undefined;
  for (const option of options) {
    const [, key = option, value = ""] = /^([^=]*)=(.*)$/s.exec(option) ?? [];
    if (key === "mon_host")
      hosts.push(...value.split("\\;").map((host) => hostOf(host.replaceAll("\\:", ":"))));
    else if (key === "conf") config = value.replaceAll("\\:", ":");
    // Who logs in is a secret, which a document only names.
    else if (key !== "auth_supported" || value !== "none")
      throw invalid(line, `"${key}" of an image of Ceph has no counterpart in libvirt's documents`);
  }
  return {
    ...{ protocol: "rbd", name, hosts, seclabels: [] },
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(config === undefined ? {} : { config }),
  };
}

function hostOf(text: string): { name: string; port?: number } {
  const [, v6, name = text, port] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  return { name: v6 ?? name, ...(port === undefined ? {} : { port: Number(port) }) };
}
