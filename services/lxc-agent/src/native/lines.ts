import { VirtError } from "@virtmesh/core/errors";

/** One setting of an lxc.conf, by the names of LXC 3 and later. */
export interface Setting {
  readonly key: string;
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

/** What LXC before 3.0 called them. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  "lxc.rootfs": "lxc.rootfs.path",
  "lxc.utsname": "lxc.uts.name",
  "lxc.mount": "lxc.mount.fstab",
  "lxc.id_map": "lxc.idmap",
  "lxc.tty": "lxc.tty.max",
  "lxc.pts": "lxc.pty.max",
  "lxc.init_cmd": "lxc.init.cmd",
  "lxc.init_uid": "lxc.init.uid",
  "lxc.init_gid": "lxc.init.gid",
  "lxc.haltsignal": "lxc.signal.halt",
  "lxc.rebootsignal": "lxc.signal.reboot",
};

const OLD_NET = "lxc.network.";
/** Parts of a network that were renamed as well. */
const OLD_NET_PARTS: Readonly<Record<string, string>> = { ipv4: "ipv4.address", ipv6: "ipv6.address" };

/** Reads an lxc.conf into its settings, in their order. @throws CONFIG_INVALID naming the line */
export function readSettings(text: string): readonly Setting[] {
  const settings: Setting[] = [];
  let network = -1;
  for (const [i, raw] of text.split("\n").entries()) {
    const line = i + 1;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const [, name = "", written = ""] = /^([a-z0-9._-]+)\s*=\s*(.*)$/i.exec(content) ?? [];
    if (name === "") throw invalid(line, `"${content}" is not of the form name = value`);
    const value = unquoted(written);
    if (name.startsWith(OLD_NET)) {
      const part = name.slice(OLD_NET.length);
      // Networks had no numbers: a type begins the next one.
      if (part === "type") network += 1;
      if (network < 0) throw invalid(line, `${name} stands before the lxc.network.type it belongs to`);
      settings.push({ key: `lxc.net.${network}.${OLD_NET_PARTS[part] ?? part}`, value, line });
    } else settings.push({ key: OLD_NAMES[name] ?? name, value, line });
  }
  return settings;
}

export type Pair = readonly [key: string, value: string];

export function formatSettings(settings: readonly Pair[]): string {
  return settings.map(([key, value]) => `${key} = ${value}\n`).join("");
}

export function invalid(line: number, description: string): VirtError {
  return new VirtError("CONFIG_INVALID", `line ${line}: ${description}`, {
    violations: [{ field: `line ${line}`, description }],
    metadata: { line: String(line) },
  });
}

/** LXC takes a value in quotes as what stands between them. */
function unquoted(text: string): string {
  return /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;
}
