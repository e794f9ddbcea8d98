import { statSync } from "node:fs";
import { readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { readProcessStat } from "@virtmesh/agent/machine/process-stat";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { allFolders, type CgroupPlaces, placesIn } from "../cgroup/places.ts";
import { askInitPid } from "../lxc/command.ts";
import { errorsIn, LxcError, runLxc } from "../lxc/tools.ts";
import { type CgroupVersion, withCpuQuota } from "../native/limits.ts";
import { formatSettings, type Pair } from "../native/lines.ts";
import { settingsOf } from "../native/to-native.ts";
import type { ProcessId, RunDisk } from "./container.ts";
import type { ContainerFolder } from "./status.ts";

/** Devices that every container may use: null, zero, full, random, urandom, tty, console, ptmx and pseudo terminals. */
const DEVICES = ["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:1", "5:2", "136:*"];
/** ifname of Linux: 15 characters. */
const HASH_CHARS = 8;
const PAIR = /^lx[0-9a-f]{8}\.\d+$/;

/** The host's end of a container's card: the same at each start. */
export function pairName(uuid: string, index: number): string {
  return `lx${createHash("sha256").update(uuid).digest("hex").slice(0, HASH_CHARS)}.${index}`;
}

/** The definition as it runs: every card that has a pair of ends has a name for the host's one. */
export function withPairs(definition: IdentifiedDomain): IdentifiedDomain {
  const interfaces = definition.devices.interfaces.map((nic, i) =>
    (nic.type === "bridge" || nic.type === "ethernet") && nic.target?.dev === undefined
      ? { ...nic, target: { ...nic.target, dev: pairName(definition.uuid, i) } }
      : nic,
  );
  return { ...definition, devices: { ...definition.devices, interfaces } };
}

/** The definition that a run is of. */
export function withoutPairs(definition: IdentifiedDomain): IdentifiedDomain {
  const interfaces = definition.devices.interfaces.map((nic) => {
    if (nic.target?.dev === undefined || !PAIR.test(nic.target.dev)) return nic;
    const { target: _, ...rest } = nic;
    return rest;
  });
  return { ...definition, devices: { ...definition.devices, interfaces } };
}

/** The whole configuration of one run. @throws CONFIG_UNSUPPORTED */
export function configOf(
  definition: IdentifiedDomain,
  disks: Readonly<Record<string, RunDisk>>,
  cgroup: CgroupVersion,
): string {
  const prefix = cgroup === 1 ? "lxc.cgroup" : "lxc.cgroup2";
  const settings: Pair[] = [
    ...settingsOf(withCpuQuota(definition), { cgroup, isFile }),
    [`${prefix}.devices.deny`, "a"],
    ...["c *:* m", "b *:* m", ...DEVICES.map((number) => `c ${number} rwm`)].map(
      (rule): Pair => [`${prefix}.devices.allow`, rule],
    ),
    ...Object.values(disks).map((disk): Pair => [`${prefix}.devices.allow`, `b ${disk.number} rwm`]),
    ...Object.entries(disks).map(
      ([target, disk]): Pair => ["lxc.mount.entry", `${disk.device} dev/${target} none bind,create=file 0 0`],
    ),
  ];
  return formatSettings(settings);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Starts a container; resolves when its first process runs. @throws HYPERVISOR_FAILED with what LXC said */
export async function launch(
  folder: ContainerFolder,
  definition: IdentifiedDomain,
  config: string,
  signal: AbortSignal,
): Promise<{ readonly init: ProcessId; readonly places: CgroupPlaces }> {
  const { uuid, name } = definition;
  const log = folder.of(uuid, "lxc.log");
  await writeFile(folder.of(uuid, "config"), config, { mode: 0o600 });
  try {
    await runLxc("lxc-start", ["-P", folder.path, "-n", uuid, "-l", "ERROR", "-o", log], signal);
  } catch (e) {
    signal.throwIfAborted();
    const said = errorsIn(await readFile(log, "utf8").catch(() => "")) || messageOf(e);
    throw new VirtError(
      e instanceof LxcError ? "HYPERVISOR_FAILED" : "HOST_SETUP",
      `container "${name}" could not be started: ${said}`,
      { resource: { type: "domain", name } },
      { cause: e },
    );
  }
  const found = await whereItRuns(folder, uuid);
  if (found !== undefined) return found;
  throw endedAtOnce(name);
}

/** Its first process did not last. */
export function endedAtOnce(name: string): VirtError {
  return new VirtError(
    "HYPERVISOR_FAILED",
    `container "${name}" ended as it was started; its init may not be there, or may not run on this host`,
    { resource: { type: "domain", name } },
  );
}

/** undefined when it does not run. */
export async function whereItRuns(
  folder: ContainerFolder,
  uuid: string,
): Promise<{ readonly init: ProcessId; readonly places: CgroupPlaces } | undefined> {
  const pid = await askInitPid(folder.path, uuid);
  const found = pid === undefined || pid <= 0 ? undefined : readProcessStat(pid);
  if (pid === undefined || found === undefined) return undefined;
  try {
    const groups = await readFile(`/proc/${pid}/cgroup`, "utf8");
    const places = placesIn(groups, await readFile("/proc/self/mountinfo", "utf8"), uuid);
    return { init: { pid, startTicks: found.startTicks }, places };
  } catch (e) {
    // It has ended since.
    if (["ENOENT", "ESRCH"].includes((e as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw e;
  }
}

/** What LXC leaves when its monitor is killed: control groups without processes. */
export async function sweep(places: CgroupPlaces): Promise<void> {
  await Promise.all(allFolders(places).map(removeGroup));
}

/** Does nothing to one in which processes are. */
async function removeGroup(path: string): Promise<void> {
  const within = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const group of within) if (group.isDirectory()) await removeGroup(join(path, group.name));
  await rmdir(path).catch(() => undefined);
}

/** Which control groups limit containers on this host. */
export async function cgroupVersion(): Promise<CgroupVersion> {
  const [groups, mounts] = await Promise.all([
    readFile("/proc/self/cgroup", "utf8"),
    readFile("/proc/self/mountinfo", "utf8"),
  ]);
  return placesIn(groups, mounts).version;
}
