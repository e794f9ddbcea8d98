import type { CgroupVersion, Limit } from "../native/limits.ts";

/** Where the control groups of a container are on its host. */
export interface CgroupPlaces {
  /** Of the limits; a host may have both at once, with the limits in the first. */
  readonly version: CgroupVersion;
  /** The folder of a controller: each has one in the first version, all have the same in the second. */
  readonly folders: ReadonlyMap<string, string>;
}

const UNIFIED = "";

/** Reads /proc/PID/cgroup and /proc/self/mountinfo. `container`: whose first process that is, where it is one's. */
export function placesIn(cgroupText: string, mountInfo: string, container?: string): CgroupPlaces {
  const mounts = mountInfo.split("\n").flatMap((line) => {
    const [, root, point, type, options] = /^\S+ \S+ \S+ (\S+) (\S+) .*? - (\S+) \S+ (\S+)$/.exec(line) ?? [];
    return type === "cgroup" || type === "cgroup2"
      ? [{ root: root ?? "/", point: point ?? "", type, options: (options ?? "").split(",") }]
      : [];
  });
  const folders = new Map<string, string>();
  for (const line of cgroupText.trim().split("\n")) {
    const [, id, list, where] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (where === undefined) continue;
    const path = container === undefined ? where : ownGroup(where, container);
    const controllers = id === "0" ? [UNIFIED] : (list ?? "").split(",");
    for (const controller of controllers) {
      const mount = mounts.find((m) =>
        controller === UNIFIED ? m.type === "cgroup2" : m.type === "cgroup" && m.options.includes(controller),
      );
      if (mount === undefined) continue;
      const below =
        mount.root === "/" ? path : path.slice(path.startsWith(mount.root) ? mount.root.length : 0);
      folders.set(controller, `${mount.point}${below}`.replace(/\/$/, ""));
    }
  }
  return { version: folders.has("memory") ? 1 : 2, folders };
}

/** What a container made of its own group inside, as systemd does at once, is below it. */
function ownGroup(path: string, container: string): string {
  // LXC counts on where there is one of that name already.
  const own = new RegExp(`^.*/lxc\\.payload\\.${container}(-\\d+)?(?=/|$)`);
  return own.exec(path)?.[0] ?? path;
}

/** A file of a controller; undefined when the host has not that controller. */
export function fileOf(places: CgroupPlaces, controller: string, file: string): string | undefined {
  const folder = places.folders.get(places.version === 1 ? controller : UNIFIED);
  return folder === undefined ? undefined : `${folder}/${file}`;
}

export function fileOfLimit(places: CgroupPlaces, limit: Limit): string | undefined {
  return fileOf(places, limit.controller, limit.file);
}

/** Every folder there is, and those of the processes that guard it, for what is left behind. */
export function allFolders({ folders }: CgroupPlaces): readonly string[] {
  const own = [...new Set(folders.values())];
  return [...own, ...own.map((path) => path.replace("/lxc.payload.", "/lxc.monitor."))];
}
