import type { DomainDefinition } from "../model.ts";
import { setOf, overlap, same } from "../number-sets.ts";
import { isPower } from "./memory.ts";
import { isQemu, numbered, refuse } from "./refuse.ts";

/** Processors: how many, of what kind, and what they get of the host. */
export function checkCpu(definition: DomainDefinition): void {
  checkVcpus(definition);
  checkThreads(definition);
  if (isQemu(definition)) {
    checkModel(definition);
    checkCores(definition);
  }
  checkSchedulers(definition);
  checkShares(definition);
}

function checkVcpus({ vcpu, vcpus }: DomainDefinition): void {
  if (vcpu.current !== undefined && vcpu.current > vcpu.count) {
    refuse("vcpu/@current", `${vcpu.current} virtual CPUs are more than the most, ${vcpu.count}`);
  }
  if (vcpu.cpuset !== undefined && setOf(vcpu.cpuset) === undefined)
    refuse("vcpu/@cpuset", `"${vcpu.cpuset}" names no processor of the host`, "such as 0-3,^2");
  for (const [each, path] of numbered(vcpus ?? [], "vcpus/vcpu")) {
    if (each.id >= vcpu.count) refuse(`${path}/@id`, `there is no processor ${each.id}`);
    if (!each.enabled && each.hotpluggable === false)
      refuse(path, `processor ${each.id} is off and can never be switched on`, "make it hotpluggable");
  }
}

function checkThreads({ iothreadIds }: DomainDefinition): void {
  const ids = new Set<number>();
  for (const [thread, path] of numbered(iothreadIds ?? [], "iothreadids/iothread")) {
    if (ids.has(thread.id)) refuse(`${path}/@id`, `two I/O threads have the number ${thread.id}`);
    ids.add(thread.id);
  }
}

function checkModel({ cpu }: DomainDefinition): void {
  if (cpu === undefined) return;
  const { cache, maxphysaddr, mode } = cpu;
  const ofHost = mode === "host-passthrough" || mode === "maximum";
  if (cache?.mode === "emulate" && cache.level !== undefined && cache.level !== 3)
    refuse("cpu/cache/@level", `the cache of level ${cache.level} cannot be emulated, only that of 3`);
  if (cache?.mode === "passthrough") {
    if (!ofHost)
      refuse("cpu/cache/@mode", "the host's caches go with the host's processor", "use mode emulate");
    if (cache.level !== undefined) refuse("cpu/cache/@level", "caches are passed through all or none");
  }
  if (maxphysaddr?.mode === "emulate" && maxphysaddr.bits === undefined)
    refuse("cpu/maxphysaddr", "it is not said how many bits are emulated", "add bits='42'");
  if (maxphysaddr?.mode === "passthrough") {
    if (maxphysaddr.bits !== undefined)
      refuse("cpu/maxphysaddr/@bits", "the host says how many bits there are");
    if (!ofHost) refuse("cpu/maxphysaddr/@mode", "the host's bits go with the host's processor");
  }
}

/** A core of pseries is plugged with all of its threads. */
function checkCores({ os, vcpu, cpu }: DomainDefinition): void {
  const threads = cpu?.topology?.threads ?? 1;
  if (!isPower(os.type.arch) || threads === 1) return;
  for (const [count, path] of [
    [vcpu.count, "vcpu"],
    [vcpu.current ?? vcpu.count, "vcpu/@current"],
  ] as const) {
    if (count % threads !== 0)
      refuse(path, `${count} virtual CPUs are not whole cores of ${threads} threads`);
  }
}

function checkSchedulers({ cputune, iothreads, iothreadIds }: DomainDefinition): void {
  const vcpus = new Set<number>();
  for (const [each, path] of numbered(cputune?.vcpuscheds ?? [], "cputune/vcpusched")) {
    const set = setOf(each.vcpus);
    if (set === undefined) refuse(`${path}/@vcpus`, `"${each.vcpus}" names no processor`);
    if (overlap(set, vcpus))
      refuse(`${path}/@vcpus`, `some of the processors ${each.vcpus} are scheduled twice`);
    for (const n of set) vcpus.add(n);
  }
  const known = new Set((iothreadIds ?? []).map(({ id }) => id));
  for (let n = 1; known.size < (iothreads ?? 0); n++) known.add(n);
  for (const [each, path] of numbered(cputune?.iothreadscheds ?? [], "cputune/iothreadsched")) {
    const missing = [...(setOf(each.iothreads) ?? [])].find((n) => !known.has(n));
    if (missing !== undefined)
      refuse(`${path}/@iothreads`, `there is no I/O thread ${missing}`, "raise <iothreads>");
  }
}

interface Group {
  readonly vcpus: ReadonlySet<number>;
  readonly hasCaches: boolean;
}

/** Processors share caches and bandwidth in groups, which do not overlap. */
function checkShares({ cputune, vcpu }: DomainDefinition): void {
  const groups: Group[] = [];
  const inGuest = (set: string) => new Set([...(setOf(set) ?? [])].filter((n) => n < vcpu.count));
  const join = (from: object, path: string, vcpus: ReadonlySet<number>, hasCaches: boolean) => {
    const equal = groups.find((group) => same(group.vcpus, vcpus));
    if (equal?.hasCaches === true && hasCaches)
      refuse(`${path}/@vcpus`, "these processors have their shares of the caches already");
    if (equal === undefined && groups.some((group) => overlap(group.vcpus, vcpus)))
      refuse(`${path}/@vcpus`, "some of these processors are in another group");
    groups.push({ vcpus, hasCaches });
  };
  for (const [tune, path] of numbered(cputune?.cachetunes ?? [], "cputune/cachetune")) {
    const vcpus = inGuest(tune.vcpus);
    if (vcpus.size === 0) continue;
    if (tune.caches.length > 0 || tune.monitors.length > 0) join(tune, path, vcpus, true);
    checkCaches(tune, path);
    checkMonitors(tune, vcpus, tune.caches.length > 0, path, inGuest);
  }
  for (const [tune, path] of numbered(cputune?.memorytunes ?? [], "cputune/memorytune")) {
    const vcpus = inGuest(tune.vcpus);
    if (vcpus.size === 0) continue;
    const ids = new Set<number>();
    for (const node of tune.nodes) {
      if (ids.has(node.id)) refuse(`${path}/node/@id`, `node ${node.id} is there twice`);
      ids.add(node.id);
    }
    join(tune, path, vcpus, false);
  }
}

type Cachetune = NonNullable<DomainDefinition["cputune"]>["cachetunes"][number];

function checkCaches({ caches }: Cachetune, path: string): void {
  const types = new Map<string, Set<string>>();
  for (const cache of caches) {
    const key = `${cache.level}/${cache.id}`;
    const seen = types.get(key) ?? new Set();
    if (seen.has(cache.type))
      refuse(`${path}/cache`, `cache ${cache.id} of level ${cache.level} is shared twice`);
    seen.add(cache.type);
    types.set(key, seen);
    const ofLevel = caches.filter(({ level }) => level === cache.level);
    if (cache.type === "both" && ofLevel.some(({ type }) => type !== "both"))
      refuse(`${path}/cache/@type`, "a cache is shared as a whole, or by code and data");
  }
}

function checkMonitors(
  { monitors }: Cachetune,
  vcpus: ReadonlySet<number>,
  allocates: boolean,
  path: string,
  inGuest: (set: string) => ReadonlySet<number>,
): void {
  const seen: ReadonlySet<number>[] = [];
  for (const [monitor, place] of numbered(monitors, `${path}/monitor`)) {
    const set = inGuest(monitor.vcpus);
    if (set.size === 0 || !set.isSubsetOf(vcpus))
      refuse(`${place}/@vcpus`, `the processors ${monitor.vcpus} are not those of the group`);
    const whole = same(set, vcpus);
    for (const other of seen) {
      if (same(set, other)) refuse(`${place}/@vcpus`, "these processors are watched twice");
      const counts = !allocates || !(whole || same(other, vcpus));
      if (counts && overlap(set, other))
        refuse(`${place}/@vcpus`, "some of these processors are watched by another monitor");
    }
    seen.push(set);
  }
}
