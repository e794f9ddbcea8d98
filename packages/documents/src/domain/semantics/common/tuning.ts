import { refuse } from "../refuse.ts";
import type { DomainDraft } from "../walk.ts";
import { normalSet, numbersOf, rangesOf } from "../../number-sets.ts";

/** As much memory as libvirt takes for no limit. */
const UNLIMITED = 9_007_199_254_740_991n * 1024n;

/** Says what is meant of limits, of pinned processors and of the host's nodes. */
export function completeTuning(draft: DomainDraft): void {
  dropLimitsThatAreNone(draft);
  completeThreads(draft);
  completePlacement(draft);
  const { vcpu, cputune } = draft;
  if (vcpu.cpuset !== undefined) vcpu.cpuset = normalSet(vcpu.cpuset);
  if (cputune === undefined) return;
  for (const pin of [...cputune.vcpupins, ...cputune.iothreadpins]) pin.cpuset = normalSet(pin.cpuset);
  if (cputune.emulatorpin !== undefined) cputune.emulatorpin = normalSet(cputune.emulatorpin);
  cputune.vcpupins = cputune.vcpupins.toSorted((a, b) => a.vcpu - b.vcpu);
  cputune.iothreadpins = cputune.iothreadpins.toSorted((a, b) => a.iothread - b.iothread);
  cputune.vcpuscheds = oneByOne(cputune.vcpuscheds, "vcpus");
  cputune.iothreadscheds = oneByOne(cputune.iothreadscheds, "iothreads");
  cputune.cachetunes = ofThere(cputune.cachetunes, vcpu.count);
  cputune.memorytunes = ofThere(cputune.memorytunes, vcpu.count);
}

function dropLimitsThatAreNone(draft: DomainDraft): void {
  const { memtune } = draft;
  if (memtune === undefined) return;
  for (const name of ["hardLimit", "softLimit", "swapHardLimit"] as const)
    if ((memtune[name] ?? 0n) >= UNLIMITED) delete memtune[name];
  if (Object.keys(memtune).length === 0) delete draft.memtune;
}

/** I/O threads whose numbers are not said have the lowest free ones. */
function completeThreads(draft: DomainDraft): void {
  const ids = draft.iothreadIds;
  if (ids === undefined || ids.length === 0) return;
  for (let id = 1; ids.length < (draft.iothreads ?? 0); id += 1)
    if (!ids.some((thread) => thread.id === id)) ids.push({ id });
  draft.iothreads = Math.max(draft.iothreads ?? 0, ids.length);
}

/** Only processors that the guest has can be given parts of the host's. */
function ofThere<T extends { vcpus: string }>(tunes: readonly T[], count: number): T[] {
  return tunes.flatMap((tune) => {
    const vcpus = rangesOf(numbersOf(tune.vcpus).filter((n) => n < count));
    return vcpus === "" ? [] : [{ ...tune, vcpus }];
  });
}

/** Each thread has a policy of its own. */
function oneByOne<N extends string, S extends { [K in N]: string }>(policies: readonly S[], name: N): S[] {
  const single = policies.flatMap((policy) =>
    numbersOf(policy[name]).map((n) => ({ number: n, policy: { ...policy, [name]: String(n) } as S })),
  );
  return single.toSorted((a, b) => a.number - b.number).map(({ policy }) => policy);
}

/** Memory lies where its nodes are named, else where the host finds it best if processors are put there as well. */
function completePlacement(draft: DomainDraft): void {
  const auto = draft.vcpu.placement === "auto";
  const memory = draft.numatune?.memory;
  if (memory === undefined && auto) {
    draft.numatune = { memnodes: [], ...draft.numatune, memory: { mode: "strict", placement: "auto" } };
  } else if (memory !== undefined) {
    memory.placement ??= memory.nodeset === undefined ? "auto" : "static";
    if (memory.placement === "static" && memory.nodeset === undefined)
      refuse(
        "numatune/memory/@nodeset",
        "memory of static placement needs the nodes it lies on",
        "CONFIG_UNSUPPORTED",
      );
    memory.mode ??= "strict";
    if (memory.placement === "auto") delete memory.nodeset;
    else delete memory.placement;
    if (memory.nodeset !== undefined) memory.nodeset = normalSet(memory.nodeset);
  }
  for (const node of draft.numatune?.memnodes ?? []) node.nodeset = normalSet(node.nodeset);
  const { vcpu, cputune, numatune } = draft;
  const pinned =
    vcpu.cpuset !== undefined ||
    (cputune !== undefined &&
      (cputune.vcpupins.length > 0 || cputune.emulatorpin !== undefined || cputune.iothreadpins.length > 0));
  if (numatune?.memory?.placement === "auto" && !pinned) vcpu.placement = "auto";
  if (vcpu.placement === "auto") delete vcpu.cpuset;
}
