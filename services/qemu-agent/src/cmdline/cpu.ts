import type { Features } from "@virtmesh/documents/domain/features";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";

/** What a guest gets that asks for no CPU: QEMU's own defaults, the same on every host. */
const DEFAULT_MODEL = "qemu64";
const DEFAULT_32_BIT_MODEL = "qemu32";

/** -cpu. */
export function cpuArguments(c: BuildContext): void {
  const { definition, args } = c;
  const properties = {
    ...cpuFeatures(c),
    ...timerProperties(c),
    ...(definition.features?.pmu === undefined ? {} : { pmu: definition.features.pmu.state ?? true }),
    ...(definition.features?.apic?.eoi === undefined ? {} : { "kvm-pv-eoi": definition.features.apic.eoi }),
    ...(definition.features?.pvspinlock === undefined
      ? {}
      : { "kvm-pv-unhalt": definition.features.pvspinlock.state ?? true }),
    ...hypervProperties(c),
    ...kvmProperties(c),
  };
  const vendor = definition.cpu?.model?.vendorId;
  args.options("-cpu", cpuModel(c), { vendor, ...properties });
}

function cpuModel({ definition, capabilities, runtime }: BuildContext): string {
  const { cpu } = definition;
  const host = runtime.accelerator === "kvm" ? "host" : "max";
  switch (cpu?.mode) {
    case "host-passthrough":
    // Which named model the host comes close to is not known here; all of the host is the nearest thing.
    case "host-model":
      return host;
    case "maximum":
      return "max";
    case "custom":
    case undefined: {
      const name =
        cpu?.model?.name ?? (definition.os.type.arch === "i686" ? DEFAULT_32_BIT_MODEL : DEFAULT_MODEL);
      if (!capabilities.cpuModels.has(name)) {
        throw unsupported("cpu/model", `${capabilities.binary} has no CPU model "${name}"`);
      }
      return name;
    }
  }
}

function cpuFeatures({ definition, capabilities }: BuildContext): Record<string, boolean | number> {
  const { cpu } = definition;
  const features: Record<string, boolean | number> = {};
  if (cpu === undefined) return features;
  const known = (feature: string) =>
    capabilities.cpuFeatures.size === 0 || capabilities.cpuFeatures.has(feature);
  for (const { name, policy = "require" } of cpu.features) {
    if (!/^[a-z0-9][a-z0-9._-]*$/i.test(name))
      throw unsupported("cpu/feature/@name", `"${name}" is no CPU feature`);
    const wanted = policy === "force" || policy === "require";
    const feature = qemuFeature(name);
    // `optional` means as the model has it; what QEMU does not know is off anyway.
    if (policy === "optional" || (!wanted && !known(feature))) continue;
    if (wanted && !known(feature))
      throw unsupported("cpu/feature/@name", `${capabilities.binary} has no CPU feature "${name}"`);
    features[feature] = wanted;
  }
  if (cpu.cache !== undefined) {
    const { mode } = cpu.cache;
    // A named model has nothing of the host's caches anyway.
    const ofHost = cpu.mode === "host-passthrough" || cpu.mode === "maximum";
    if (mode === "passthrough" || ofHost) features["host-cache-info"] = mode === "passthrough";
    features["l3-cache"] = mode === "emulate";
  }
  if (cpu.maxphysaddr !== undefined) {
    if (cpu.maxphysaddr.mode === "passthrough") features["host-phys-bits"] = true;
    if (cpu.maxphysaddr.limit !== undefined) features["host-phys-bits-limit"] = cpu.maxphysaddr.limit;
    if (cpu.maxphysaddr.mode === "emulate" && cpu.maxphysaddr.bits !== undefined)
      features["phys-bits"] = cpu.maxphysaddr.bits;
  }
  const { mode = "custom" } = cpu;
  if (cpu.migratable !== undefined && (mode === "host-passthrough" || mode === "maximum"))
    features["migratable"] = cpu.migratable;
  return features;
}

/** Features that QEMU calls otherwise than libvirt; all others differ by `_` only. */
const RENAMED: Readonly<Record<string, string>> = { pclmuldq: "pclmulqdq", ffxsr: "fxsr-opt" };

function qemuFeature(name: string): string {
  return RENAMED[name] ?? name.replaceAll("_", "-");
}

function timerProperties({ definition }: BuildContext): Record<string, boolean | number> {
  const properties: Record<string, boolean | number> = {};
  for (const timer of definition.clock?.timers ?? []) {
    if (timer.name === "kvmclock" && timer.present !== undefined) properties["kvmclock"] = timer.present;
    if (timer.name === "hypervclock" && timer.present === true) properties["hv-time"] = true;
    if (timer.name === "tsc" && timer.frequency !== undefined) properties["tsc-frequency"] = timer.frequency;
  }
  return properties;
}

type Hyperv = NonNullable<Features["hyperv"]>;

/** Switches of Hyper-V that are called alike on both sides. */
const HYPERV = [
  ["relaxed", "relaxed"],
  ["vapic", "vapic"],
  ["vpindex", "vpindex"],
  ["runtime", "runtime"],
  ["synic", "synic"],
  ["stimer", "stimer"],
  ["reset", "reset"],
  ["frequencies", "frequencies"],
  ["reenlightenment", "reenlightenment"],
  ["tlbflush", "tlbflush"],
  ["ipi", "ipi"],
  ["evmcs", "evmcs"],
  ["avic", "avic"],
  ["emsrBitmap", "emsr-bitmap"],
  ["xmmInput", "xmm-input"],
] as const satisfies readonly (readonly [keyof Hyperv, string])[];

function hypervProperties({ definition }: BuildContext): Record<string, string | number | boolean> {
  const { features, devices } = definition;
  const crash = devices.panics.some((panic) => panic.model === "hyperv") ? { "hv-crash": true } : {};
  const hyperv = features?.hyperv;
  if (hyperv === undefined) return crash;
  if (hyperv.mode === "host-model")
    throw unsupported(
      "features/hyperv/@mode",
      "what of Hyper-V the host offers is not known, use passthrough or custom",
    );
  const on = (one: Switch | undefined) => one !== undefined && one.state !== false;
  const switches = HYPERV.filter(([name]) => on(hyperv[name])).map(([, name]): [string, boolean] => [
    `hv-${name}`,
    true,
  ]);
  return {
    ...(hyperv.mode === "passthrough" ? { "hv-passthrough": true } : {}),
    ...Object.fromEntries(switches),
    ...(on(hyperv.stimer) && on(hyperv.stimer?.direct) ? { "hv-stimer-direct": true } : {}),
    ...(on(hyperv.tlbflush) && on(hyperv.tlbflush?.direct) ? { "hv-tlbflush-direct": true } : {}),
    ...(on(hyperv.tlbflush) && on(hyperv.tlbflush?.extended) ? { "hv-tlbflush-ext": true } : {}),
    ...(on(hyperv.spinlocks) ? { "hv-spinlocks": hyperv.spinlocks?.retries ?? 0x1fff } : {}),
    ...(on(hyperv.vendorId) ? { "hv-vendor-id": hyperv.vendorId?.value ?? "" } : {}),
    ...crash,
  };
}

interface Switch {
  readonly state?: boolean;
}

function kvmProperties({ definition }: BuildContext): Record<string, boolean> {
  const kvm = definition.features?.kvm;
  const on = (one: Switch | undefined) => one !== undefined && one.state !== false;
  return {
    ...(on(kvm?.hidden) ? { kvm: false } : {}),
    ...(on(kvm?.hintDedicated) ? { "kvm-hint-dedicated": true } : {}),
    ...(on(kvm?.pollControl) ? { "kvm-poll-control": true } : {}),
    ...(kvm?.pvIpi?.state === false ? { "kvm-pv-ipi": false } : {}),
  };
}
