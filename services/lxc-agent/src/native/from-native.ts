import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { Filesystem } from "@virtmesh/documents/domain/devices/filesystem";
import { VirtError } from "@virtmesh/core/errors";
import { invalid, readSettings, type Setting } from "./lines.ts";
import { networkDevices } from "./from-networks.ts";
import { limitsOf } from "./from-limits.ts";
import { bytesOf } from "./numbers.ts";

/** LXC limits nothing by itself; libvirt's documents must say something. */
const MEMORY_BYTES = 64n << 20n;

/** Settings that say how LXC does what a document takes for granted. */
const IMPLIED = [
  /^lxc\.(autodev|pty\.max|mount\.auto)$/,
  /^lxc\.cgroup2?\.devices\.(allow|deny)$/,
  /^lxc\.(console|log|signal)\./,
];

/** What every container has mounted anyway. */
const BASIC_MOUNTS = ["/proc", "/proc/sys", "/sys", "/sys/fs/selinux", "/dev", "/dev/pts"];

const ARCHITECTURES: Readonly<Record<string, string>> = { x86: "i686", amd64: "x86_64", arm64: "aarch64" };

/** A libvirt document out of an lxc.conf. @throws CONFIG_INVALID with the line of what cannot be said in one */
export function fromNative(text: string): string {
  return formatDomain(definitionOf(readSettings(text)), { inactive: true, secure: true });
}

/** @throws CONFIG_INVALID */
export function definitionOf(settings: readonly Setting[]): DomainDefinition {
  settings.forEach(checkKnown);
  const last = (key: string): Setting | undefined => settings.findLast((s) => s.key === key);
  const name = last("lxc.uts.name")?.value;
  if (name === undefined || name === "") throw missing("lxc.uts.name", "the name of the container");
  const { tuning, memoryBytes } = limitsOf(settings);
  const { interfaces, hostdevs, isPrivate } = networkDevices(settings);
  const bytes = memoryBytes ?? MEMORY_BYTES;
  const arch = last("lxc.arch")?.value;
  const base = parseDomain(
    `<domain type="lxc"><name>unnamed</name><memory unit="b">${bytes}</memory><os><type>exe</type><init>/sbin/init</init></os></domain>`,
  );
  return {
    ...base,
    name,
    currentMemory: { bytes },
    vcpu: { ...base.vcpu, placement: "static" },
    ...tuning,
    os: {
      ...base.os,
      type: { kind: "exe", ...(arch === undefined ? {} : { arch: ARCHITECTURES[arch] ?? arch }) },
      ...initOf(settings),
    },
    ...idmapOf(settings),
    features: {
      ...(isPrivate ? { privnet: true as const } : {}),
      capabilities: { policy: "allow", capabilities: droppedOf(settings) },
    },
    clock: { offset: "utc", timers: [] },
    onPoweroff: "destroy",
    onReboot: "restart",
    onCrash: "destroy",
    devices: {
      ...base.devices,
      filesystems: [rootOf(settings), ...settings.flatMap(mountOf)],
      interfaces,
      consoles: consolesOf(last("lxc.tty.max")),
      hostdevs,
    },
  };
}

function checkKnown({ key, line, value }: Setting): void {
  if (key === "lxc.mount.fstab") {
    throw invalid(line, `${key} names a file of the other host; write its lines as lxc.mount.entry`);
  }
  if (key === "lxc.include")
    throw invalid(line, `${key} names a file of the other host; put what "${value}" says in its place`);
  const known =
    /^lxc\.(uts\.name|rootfs\.path|arch|tty\.max|idmap|cap\.drop|mount\.entry|environment|init\.(cmd|cwd))$/.test(
      key,
    ) ||
    /^lxc\.net\.\d+\./.test(key) ||
    /^lxc\.cgroup2?\.(memory|cpu|cpuset|blkio|io)\./.test(key) ||
    IMPLIED.some((pattern) => pattern.test(key));
  if (!known) throw invalid(line, `${key} has no counterpart in libvirt's documents`);
}

function rootOf(settings: readonly Setting[]): Filesystem {
  const root = settings.findLast((s) => s.key === "lxc.rootfs.path");
  if (root === undefined) throw missing("lxc.rootfs.path", "the directory of its files");
  const [, kind = "dir", path = ""] = /^(?:([a-z]+):)?(.*)$/.exec(root.value) ?? [];
  if (kind !== "dir")
    throw invalid(root.line, `a root of the kind "${kind}" has no counterpart in libvirt's documents`);
  if (path.startsWith("/dev/"))
    return { type: "block", accessmode: "passthrough", source: path, target: "/" };
  return { type: "mount", accessmode: "passthrough", source: { dir: path }, target: "/" };
}

/** `source target type options dump pass`, as in fstab(5). */
function mountOf({ key, value, line }: Setting): readonly Filesystem[] {
  if (key !== "lxc.mount.entry") return [];
  const [source = "", where = "", type, list] = value.split(/\s+/);
  if (type === undefined || list === undefined)
    throw invalid(line, `"${value}" is not of the form source target type options`);
  const target = where.startsWith("/") ? where : `/${where}`;
  if (BASIC_MOUNTS.includes(target)) return [];
  const options = list.split(",");
  const common = {
    accessmode: "passthrough" as const,
    target,
    ...(options.includes("ro") ? { readonly: true as const } : {}),
  };
  if (type === "tmpfs") {
    const size = options.find((o) => o.startsWith("size="))?.slice("size=".length);
    if (size === undefined) throw invalid(line, "a tmpfs needs its size: add the option size=");
    const usage = bytesOf(size);
    if (usage === undefined) throw invalid(line, `"${size}" is no size of a tmpfs in bytes`);
    return [{ type: "ram", ...common, source: { usage } }];
  }
  if (source.startsWith("/dev/")) return [{ type: "block", ...common, source }];
  return [{ type: "mount", ...common, source: { dir: source } }];
}

function consolesOf(setting: Setting | undefined): DomainDefinition["devices"]["consoles"] {
  if (setting === undefined) return [];
  const count = Number(setting.value);
  if (!/^\d{1,3}$/.test(setting.value))
    throw invalid(setting.line, `"${setting.value}" is no number of consoles`);
  return Array.from({ length: count }, (_, port) => ({
    type: "pty" as const,
    target: { type: "lxc", port },
  }));
}

function initOf(
  settings: readonly Setting[],
): Pick<DomainDefinition["os"], "init" | "initArguments" | "initEnvironment" | "initDirectory"> {
  const words = settings.findLast((s) => s.key === "lxc.init.cmd")?.value.split(/\s+/) ?? ["/sbin/init"];
  const directory = settings.findLast((s) => s.key === "lxc.init.cwd")?.value;
  return {
    init: words[0] ?? "/sbin/init",
    initArguments: words.slice(1),
    initEnvironment: settings
      .filter((s) => s.key === "lxc.environment")
      .map(({ value }) => ({
        name: value.split("=", 1)[0] ?? value,
        value: value.slice(value.indexOf("=") + 1),
      })),
    ...(directory === undefined ? {} : { initDirectory: directory }),
  };
}

/** `u first-on-the-host first-in-the-container count`, where documents have the container's first. */
function idmapOf(settings: readonly Setting[]): Pick<DomainDefinition, "idmap"> {
  const maps = settings.filter((s) => s.key === "lxc.idmap");
  if (maps.length === 0) return {};
  const of = (wanted: string) =>
    maps.flatMap(({ value, line }) => {
      const [, kind, target, start, count] = /^([ug])\s+(\d+)\s+(\d+)\s+(\d+)$/.exec(value) ?? [];
      if (kind === undefined) throw invalid(line, `"${value}" is not of the form u|g number number count`);
      return kind === wanted ? [{ start: Number(start), target: Number(target), count: Number(count) }] : [];
    });
  return { idmap: { uids: of("u"), gids: of("g") } };
}

type Dropped = NonNullable<NonNullable<DomainDefinition["features"]>["capabilities"]>["capabilities"];

function droppedOf(settings: readonly Setting[]): Dropped {
  const names = settings.filter((s) => s.key === "lxc.cap.drop").flatMap((s) => s.value.split(/\s+/));
  return names.toSorted().map((name) => ({ name, state: false }) as Dropped[number]);
}

function missing(key: string, what: string): VirtError {
  return new VirtError("CONFIG_INVALID", `${key} is missing: ${what}`, {
    violations: [{ field: key, description: "is missing" }],
  });
}
