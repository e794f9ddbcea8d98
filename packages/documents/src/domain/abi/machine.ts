import type { DomainDefinition } from "../model.ts";
import { normalSet } from "../number-sets.ts";
import { without } from "../without.ts";

/** What a guest sees of its machine: all but its devices. */
export function machineView(definition: DomainDefinition): object {
  const { os, cpu, features, clock, pm, maxMemory } = definition;
  const { loader, nvram } = os;
  return {
    // A guest cannot tell QEMU's accelerators apart by its devices, but state cannot move between them.
    type: definition.type,
    uuid: definition.uuid,
    genid: definition.genid,
    maxMemory: maxMemory?.bytes,
    memorySlots: maxMemory?.slots,
    memory: definition.memory.bytes,
    vcpu: processorsView(definition),
    os: {
      type: os.type,
      loader:
        loader === undefined ? undefined : { type: loader.type ?? "rom", secure: loader.secure ?? false },
      nvram: nvram !== undefined,
      firmware: os.firmwareKind,
      smbios: os.smbios,
    },
    sysinfo: definition.sysinfo,
    // How QEMU emulates and what KVM does with unknown registers are not seen.
    features: features === undefined ? undefined : without(features, "tcg", "msrs"),
    cpu: cpu === undefined ? undefined : cpuView(cpu),
    clock: {
      timers: Object.fromEntries((clock?.timers ?? []).map((timer) => [timer.name, timerView(timer)])),
    },
    pm,
    keywrap: definition.keywrap,
    launchSecurity: definition.launchSecurity?.type,
  };
}

/** How many there can be, and which are there, in which order they came. */
function processorsView({ vcpu, vcpus }: DomainDefinition): object {
  const present = vcpus?.filter((v) => v.enabled).map(({ id, order }) => [id, order ?? true] as const);
  return {
    count: vcpu.count,
    current: present?.length ?? vcpu.current ?? vcpu.count,
    ...(present === undefined || present.every(([id]) => id < present.length)
      ? {}
      : { present: present.map(([id]) => id).join(",") }),
    order: present?.some(([, order]) => order !== true) === true ? Object.fromEntries(present) : undefined,
  };
}

function timerView({
  name,
  present,
  frequency,
  mode,
}: NonNullable<DomainDefinition["clock"]>["timers"][number]) {
  return { present: present ?? true, ...(name === "tsc" ? { frequency, mode } : {}) };
}

function cpuView(cpu: NonNullable<DomainDefinition["cpu"]>): object {
  const features = Object.fromEntries(cpu.features.map((f) => [f.name, f.policy ?? "require"]));
  const { numa } = cpu;
  return {
    ...without(cpu, "check", "match"),
    features,
    numa: numa === undefined ? undefined : numaView(numa),
  };
}

function numaView(numa: NonNullable<NonNullable<DomainDefinition["cpu"]>["numa"]>): object {
  const cells = numa.cells.map((cell, i) => [
    cell.id ?? i,
    {
      // Where the host takes the memory from is its own business.
      ...without(cell, "id", "memAccess", "discard"),
      cpus: cell.cpus === undefined ? undefined : normalSet(cell.cpus),
      distances: Object.fromEntries((cell.distances ?? []).map(({ id, value }) => [id, value])),
    },
  ]);
  return { ...numa, cells: Object.fromEntries(cells) as object };
}
