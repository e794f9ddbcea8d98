import type { CgroupVersion, Limit } from "../native/limits.ts";

/** Where the control groups of a container are on its host. */
export interface CgroupPlaces {
  /** Of the limits; a host may have both at once, with the limits in the first. */
  readonly version: CgroupVersion;
  /** The folder of a controller: each has one in the first version, all have the same in the second. */
  readonly folders: ReadonlyMap<string, string>;
}

const UNIFIED = "";

/** Reads /proc/PID/cgroup and /proc/self/mountinfo. */
export function placesIn(cgroupText: string, mountInfo: string): CgroupPlaces {
  const mounts = mountInfo.split("\n").flatMap((line) => {
    const [, root, point, type, options] = /^\S+ \S+ \S+ (\S+) (\S+) .*? - (\S+) \S+ (\S+)$/.exec(line) ?? [];
    return type === "cgroup" || type === "cgroup2"
      ? [{ root: root ?? "/", point: point ?? "", type, options: (options ?? "").split(",") }]
      : [];
  });
  const folders = new Map<string, string>();
  for (const line of cgroupText.trim().split("\n")) {
    const [, id, list, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
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

/** A file of a controller; undefined when the host has not that controller. */
export function fileOf(places: CgroupPlaces, controller: string, file: string): string | undefined {
  const folder = places.folders.get(places.version === 1 ? controller : UNIFIED);
  return folder === undefined ? undefined : `${folder}/${file}`;
}

export function fileOfLimit(places: CgroupPlaces, limit: Limit): string | undefined {
  return fileOf(places, limit.controller, limit.file);
}

/** Every folder there is, for what is left behind. */
export function allFolders({ folders }: CgroupPlaces): readonly string[] {
  return [...new Set(folders.values())];
}
