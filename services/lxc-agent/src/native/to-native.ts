import { parseDomain } from "@virtmesh/documents/domain/document";
import type { Filesystem } from "@virtmesh/documents/domain/devices/filesystem";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { type CgroupVersion, limitsIn } from "./limits.ts";
import { formatSettings, type Pair } from "./lines.ts";
import { overlayOf } from "./overlay.ts";
import { unsupported } from "./refuse.ts";
import { networkSettings } from "./to-networks.ts";

/** What the document alone does not say. */
export interface NativeOptions {
  readonly cgroup: CgroupVersion;
  /** Whether a path on the host is a file: mounts of files need a file to be mounted on. */
  isFile(path: string): boolean;
}

/** Of what a container may do on its host that much is taken away when nothing is said. */
const DROPPED_UNLESS_ASKED_FOR = [
  "audit_control",
  "mac_admin",
  "mac_override",
  "mknod",
  "sys_module",
  "sys_time",
];

/** An lxc.conf out of a libvirt document. @throws XML_*, CONFIG_UNSUPPORTED for what LXC has no setting for */
export function toNative(xml: string): string {
  const definition = parseDomain(xml);
  checkContainer(definition);
  return formatSettings(settingsOf(definition, { cgroup: 1, isFile: () => false }));
}

/** The settings of a container, without what only holds for one start. @throws CONFIG_UNSUPPORTED */
export function settingsOf(definition: DomainDefinition, options: NativeOptions): readonly Pair[] {
  const prefix = options.cgroup === 1 ? "lxc.cgroup" : "lxc.cgroup2";
  const { arch } = definition.os.type;
  return [
    ["lxc.uts.name", definition.name],
    ...(arch === undefined ? [] : [["lxc.arch", arch] as const]),
    ["lxc.rootfs.path", rootOf(definition)],
    // Its own groups, which systemd needs; in the first version it may mount them itself.
    ["lxc.mount.auto", `proc:mixed sys:mixed${options.cgroup === 2 ? " cgroup:rw:force" : ""}`],
    ["lxc.autodev", "1"],
    ["lxc.pty.max", "1024"],
    ["lxc.tty.max", String(definition.devices.consoles.length)],
    ...initSettings(definition),
    ...definition.devices.filesystems
      .filter((f) => f.target !== "/")
      .map((f) => mountEntry(definition, f, options)),
    ...networkSettings(definition),
    ...(definition.idmap?.uids ?? []).map((r): Pair => ["lxc.idmap", `u ${r.target} ${r.start} ${r.count}`]),
    ...(definition.idmap?.gids ?? []).map((r): Pair => ["lxc.idmap", `g ${r.target} ${r.start} ${r.count}`]),
    ...sharedNamespaces(definition),
    ...capabilitySettings(definition),
    ...limitsIn(definition, options.cgroup).map((l): Pair => [`${prefix}.${l.file}`, l.value]),
  ];
}

/** A document that describes a container. @throws CONFIG_UNSUPPORTED naming what no container has */
export function checkContainer(definition: DomainDefinition): void {
  if (definition.type !== "lxc")
    throw unsupported(
      `LXC runs guests of the type "lxc", "${definition.name}" is of the type "${definition.type}"`,
      "/domain/@type",
    );
  if (definition.os.type.kind !== "exe")
    throw unsupported(
      `a container is of the kind "exe", not "${definition.os.type.kind}"`,
      "/domain/os/type",
    );
  rootOf(definition);
  for (const [list, all] of Object.entries(definition.devices)) {
    const isKnown = [
      "disks",
      "filesystems",
      "interfaces",
      "consoles",
      "serials",
      "hostdevs",
      "emulator",
    ].includes(list);
    if (!isKnown && Array.isArray(all) && all.length > 0) {
      const element = list.replace(/s$/, "");
      throw unsupported(`a container has no ${element}: remove it`, `/domain/devices/${element}`);
    }
  }
}

/** `dir:/srv/web`, or `overlay:/srv/base:/srv/web`. */
function rootOf(definition: DomainDefinition): string {
  const root = definition.devices.filesystems.find((f) => f.target === "/");
  const place = "/domain/devices/filesystem";
  if (root === undefined)
    throw unsupported(
      `container "${definition.name}" needs the files it consists of: a <filesystem> whose target is /`,
      place,
    );
  const upper = overlayOf(definition);
  if (root.type === "block" && root.source !== undefined && upper === undefined) return root.source;
  if ((root.type !== "mount" && root.type !== "bind") || root.source?.dir === undefined)
    throw unsupported(
      `the root of container "${definition.name}" must be a folder of the host or a block device`,
      place,
    );
  return upper === undefined ? `dir:${root.source.dir}` : `overlay:${root.source.dir}:${upper}`;
}

function initSettings({ os }: DomainDefinition): readonly Pair[] {
  const user = os.initUser;
  const group = os.initGroup;
  for (const [name, id] of [
    ["inituser", user],
    ["initgroup", group],
  ] as const) {
    if (id !== undefined && !/^\+?\d+$/.test(id))
      throw unsupported(
        `<${name}> must be a number: names of the container's users are not known outside`,
        `/domain/os/${name}`,
      );
  }
  return [
    ["lxc.init.cmd", [os.init ?? "/sbin/init", ...os.initArguments].join(" ")],
    ...(os.initDirectory === undefined ? [] : [["lxc.init.cwd", os.initDirectory] as const]),
    ...(user === undefined ? [] : [["lxc.init.uid", user.replace("+", "")] as const]),
    ...(group === undefined ? [] : [["lxc.init.gid", group.replace("+", "")] as const]),
    ...os.initEnvironment.map((e): Pair => ["lxc.environment", `${e.name}=${e.value ?? ""}`]),
  ];
}

function mountEntry(definition: DomainDefinition, mount: Filesystem, options: NativeOptions): Pair {
  const target = (mount.target ?? "").replace(/^\//, "");
  const readonly = mount.readonly === true ? ",ro" : "";
  const line = (source: string, type: string, flags: string): Pair => [
    "lxc.mount.entry",
    `${escaped(source)} ${escaped(target)} ${type} ${flags}${readonly} 0 0`,
  ];
  if (mount.type === "ram") return line("tmpfs", "tmpfs", `size=${mount.source.usage},create=dir`);
  if ((mount.type === "mount" || mount.type === "bind") && mount.source?.dir !== undefined)
    return line(mount.source.dir, "none", `bind,create=${options.isFile(mount.source.dir) ? "file" : "dir"}`);
  throw unsupported(
    `container "${definition.name}" can have folders and files of the host and memory at ${mount.target ?? "?"}, not a filesystem of the type "${mount.type}"`,
    "/domain/devices/filesystem/@type",
  );
}

/** As in fstab(5). */
function escaped(path: string): string {
  return path.replace(/[ \t\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

function sharedNamespaces({ lxcNamespace }: DomainDefinition): readonly Pair[] {
  const all = [
    ["net", lxcNamespace?.sharenet],
    ["ipc", lxcNamespace?.shareipc],
    ["uts", lxcNamespace?.shareuts],
  ] as const;
  return all.flatMap(([kind, shared]) => {
    if (shared === undefined) return [];
    const value = shared.type === "netns" ? `/run/netns/${shared.value}` : shared.value;
    return [[`lxc.namespace.share.${kind}`, value] as const];
  });
}

function capabilitySettings({ features }: DomainDefinition): readonly Pair[] {
  const { policy = "default", capabilities = [] } = features?.capabilities ?? {};
  const on = capabilities.filter((c) => c.state !== false).map((c): string => c.name);
  const off = capabilities.filter((c) => c.state === false).map((c): string => c.name);
  switch (policy) {
    case "deny":
      return [["lxc.cap.keep", on.length === 0 ? "none" : on.join(" ")]];
    case "allow":
      return off.length === 0 ? [] : [["lxc.cap.drop", off.join(" ")]];
    case "default": {
      const dropped = new Set([...DROPPED_UNLESS_ASKED_FOR.filter((name) => !on.includes(name)), ...off]);
      return [["lxc.cap.drop", [...dropped].toSorted().join(" ")]];
    }
  }
}
