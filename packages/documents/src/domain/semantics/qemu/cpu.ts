import type { DomainDraft } from "../walk.ts";
import { refuse } from "../refuse.ts";
import { isPpc64, isS390, isX86 } from "./machine.ts";
import type { QemuTraits } from "./traits.ts";

type CpuDraft = NonNullable<DomainDraft["cpu"]>;

/** Architectures whose CPU models are known by name and feature. */
function hasCpuModels(arch: string): boolean {
  return isX86(arch) || isS390(arch) || isPpc64(arch) || ["aarch64", "armv7l", "armv6l"].includes(arch);
}

function namesCpu(cpu: CpuDraft | undefined): boolean {
  return cpu !== undefined && ((cpu.mode ?? "custom") !== "custom" || cpu.model?.name !== undefined);
}

/** Writes down the CPU that the machine gives a guest that names none: it must not change with QEMU. */
export function setDefaultCpu(draft: DomainDraft, traits: QemuTraits): void {
  const arch = draft.os.type.arch ?? "";
  if (namesCpu(draft.cpu) || !hasCpuModels(arch)) return;
  const known = isX86(arch) || isS390(arch) || isPpc64(arch) || draft.type === "qemu";
  if (!known) return;
  const machine = traits.machines.find((m) => m.name === draft.os.type.machine);
  const model = draft.type === "qemu" ? machine?.defaultCpu?.qemu : machine?.defaultCpu?.kvm;
  if (model === undefined) return;
  const cpu: CpuDraft = draft.cpu ?? { counters: [], features: [] };
  draft.cpu = cpu;
  if (model === "host") {
    cpu.mode = isS390(arch) && hostModelWorks(draft, traits) ? "host-model" : "host-passthrough";
    return;
  }
  // Such a model may not run on any host as it is; it is compared when the guest has started.
  cpu.check = "none";
  cpu.mode = "custom";
  cpu.match = "exact";
  cpu.model = { name: model, fallback: "forbid" };
}

/** Machines of s390 before 2.8 only know the host's CPU as it is. */
function hostModelWorks(draft: DomainDraft, traits: QemuTraits): boolean {
  return traits.hostModel && !/^s390-ccw-virtio-2\.[4-7]$/.test(draft.os.type.machine ?? "");
}

/** What a CPU means beyond its words. */
export function completeCpu(draft: DomainDraft, traits: QemuTraits): void {
  const { cpu } = draft;
  if (cpu === undefined) return;
  completeSve(cpu);
  const mode = cpu.mode ?? "custom";
  if ((draft.id ?? -1) === -1 && mode === "host-passthrough" && cpu.migratable === undefined) {
    if (traits.cpuMigratable) cpu.migratable = true;
    else if (isX86(draft.os.type.arch ?? "")) cpu.migratable = false;
  }
  if (!namesCpu(cpu)) return;
  cpu.check ??=
    mode === "host-model" ? "partial" : mode === "custom" && draft.type !== "qemu" ? "partial" : "none";
}

/** Lengths of SVE vectors need SVE itself. */
function completeSve(cpu: CpuDraft): void {
  if (!cpu.features.some(({ name }) => name !== "sve" && name.startsWith("sve"))) return;
  const sve = cpu.features.find(({ name }) => name === "sve");
  if (sve === undefined) {
    cpu.features.push({ policy: "require", name: "sve" });
  } else if (sve.policy === "disable" || sve.policy === "forbid") {
    refuse("cpu/feature", "the lengths of SVE vectors are given but SVE is disabled", "CONFIG_UNSUPPORTED");
  } else {
    sve.policy = "require";
  }
}
