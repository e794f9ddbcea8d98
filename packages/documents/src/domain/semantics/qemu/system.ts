import type { DomainDraft } from "../walk.ts";
import { numbersOf, rangesOf } from "../../number-sets.ts";
import { refuse } from "../refuse.ts";
import { boardOf } from "./machine.ts";
import type { QemuTraits } from "./traits.ts";

/** What the guest is run by and on: the binary, the machine with its version. */
export function completeQemuMachine(draft: DomainDraft, traits: QemuTraits): void {
  draft.devices.emulator ??= traits.emulator;
  const { type } = draft.os;
  type.arch ??= traits.arch;
  if (draft.bootloader !== undefined || draft.bootloaderArgs !== undefined)
    refuse("bootloader", "QEMU has no boot loader on the host", "CONFIG_UNSUPPORTED");
  type.machine ??=
    traits.defaultMachine ??
    refuse("os/type/@machine", "the definition names no machine, and QEMU has none that it prefers");
}

/** The versioned name of a machine that is called by its alias: a guest must not change with QEMU. */
export function pinMachine({ os: { type } }: DomainDraft, { machines }: QemuTraits): void {
  type.machine = machines.find((m) => m.alias === type.machine)?.name ?? type.machine ?? "";
}

const VERSIONS = ["3", "2"] as const;

/** The interrupt controller of ARM: the newest that works; emulated, version 3 cannot signal PCI Express well. */
export function chooseGic(draft: DomainDraft, { gicVersions }: QemuTraits): void {
  const { arch = "", machine = "" } = draft.os.type;
  const gic = draft.features?.gic;
  if (gic?.version !== undefined || (gic === undefined && boardOf(arch, machine) !== "arm-virt")) return;
  const works = draft.type === "kvm" ? gicVersions.kvm : draft.type === "qemu" ? gicVersions.qemu : [];
  const version = VERSIONS.find((v) => works.includes(v) && !(v === "3" && draft.type === "qemu")) ?? "2";
  draft.features = { ...draft.features, gic: { version } };
}

/** Processors that no node has belong to the first. */
export function completeNodes(draft: DomainDraft): void {
  const cells = draft.cpu?.numa?.cells ?? [];
  const [first] = cells;
  if (first === undefined) {
    // QEMU gives room for modules to nodes; pseries makes its only one by itself.
    if (
      draft.maxMemory !== undefined &&
      boardOf(draft.os.type.arch ?? "", draft.os.type.machine ?? "") !== "pseries"
    )
      refuse("maxMemory", "a guest without nodes has no room for modules; add <numa> to <cpu>");
    return;
  }
  const taken = new Set(cells.flatMap(({ cpus }) => numbersOf(cpus ?? "")));
  const all = Array.from({ length: draft.vcpu.count }, (_, i) => i);
  if (taken.size >= all.length) return;
  const own = new Set(numbersOf(first.cpus ?? ""));
  first.cpus = rangesOf(all.filter((n) => own.has(n) || !taken.has(n)));
}

/** The first processor is always there, and those that cannot be unplugged come first. */
export function checkVcpuOrder({ vcpus }: DomainDraft): void {
  const [first, ...rest] = vcpus ?? [];
  if (first === undefined) return;
  const cannot = (id: number, what: string) => refuse(`vcpus/vcpu[${id + 1}]`, what, "CONFIG_UNSUPPORTED");
  if (!first.enabled) cannot(0, "the first processor cannot be off");
  if (first.hotpluggable === true) cannot(0, "the first processor cannot be unplugged");
  if ((first.order ?? 1) !== 1) cannot(0, "the first processor must be the first in order");
  let before = first;
  for (const vcpu of rest) {
    if (vcpu.enabled && (vcpu.order !== undefined) !== (first.order !== undefined))
      cannot(vcpu.id, "either all processors or none must say their order");
    if (vcpu.hotpluggable === false) {
      if (before.hotpluggable === true)
        cannot(vcpu.id, "processors that cannot be unplugged must come before those that can");
      if ((before.order ?? 0) > (vcpu.order ?? 0))
        cannot(vcpu.id, "processors that cannot be unplugged must be in order");
    }
    before = vcpu;
  }
}

const MIB = 1024n * 1024n;

export function checkTseg({ features, os }: DomainDraft): void {
  const tseg = features?.smm?.state === false ? undefined : features?.smm?.tseg;
  if (tseg === undefined) return;
  const path = "features/smm/tseg";
  if (boardOf(os.type.arch ?? "", os.type.machine ?? "") !== "q35")
    refuse(path, "only q35 machines have memory for SMM of a size that can be set", "CONFIG_UNSUPPORTED");
  if (tseg % MIB !== 0n) refuse(path, "the size must be whole MiB", "CONFIG_UNSUPPORTED");
}
