import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";

/** What a guest gets that asks for no CPU: QEMU's own default, the same on every host. */
const DEFAULT_MODEL = "qemu64";

/** -cpu. */
export function cpuArguments(c: BuildContext): void {
  const { definition, runtime, args } = c;
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
  const kvmOnly = Object.keys(properties).find((name) => /^(kvm|hv)-|^kvm$/.test(name));
  if (runtime.accelerator === "tcg" && kvmOnly !== undefined) {
    throw unsupported("features", `the CPU property ${kvmOnly} needs KVM`);
  }
  args.options("-cpu", cpuModel(c), properties);
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
      const name = cpu?.model?.name ?? DEFAULT_MODEL;
      if (!capabilities.cpuModels.has(name)) {
        throw unsupported("cpu/model", `${capabilities.binary} has no CPU model "${name}"`);
      }
      return name;
    }
  }
}

function cpuFeatures({ definition }: BuildContext): Record<string, boolean> {
  const { cpu } = definition;
  const features: Record<string, boolean> = {};
  if (cpu === undefined) return features;
  for (const { name, policy = "require" } of cpu.features) {
    if (!/^[a-z0-9][a-z0-9._-]*$/i.test(name))
      throw unsupported("cpu/feature/@name", `"${name}" is no CPU feature`);
    // `optional` means as the model has it.
    if (policy !== "optional") features[name] = policy === "force" || policy === "require";
  }
  if (cpu.cache !== undefined) {
    features["host-cache-info"] = cpu.cache.mode === "passthrough";
    features["l3-cache"] = cpu.cache.mode === "emulate";
  }
  if (cpu.migratable !== undefined && cpu.mode === "host-passthrough")
    features["migratable"] = cpu.migratable;
  return features;
}

function timerProperties({ definition }: BuildContext): Record<string, boolean | number> {
  const properties: Record<string, boolean | number> = {};
  for (const timer of definition.clock?.timers ?? []) {
    if (timer.name === "kvmclock" && timer.present !== undefined) properties["kvmclock"] = timer.present;
    if (timer.name === "hypervclock" && timer.present !== undefined) properties["hv-time"] = timer.present;
    if (timer.name === "tsc" && timer.frequency !== undefined) properties["tsc-frequency"] = timer.frequency;
  }
  return properties;
}

/** Names of QEMU that are not those of the document. */
const HYPERV_NAMES: Readonly<Record<string, string>> = {
  vendorId: "vendor_id",
  emsrBitmap: "emsr_bitmap",
  xmmInput: "xmm_input",
};
const KVM_NAMES: Readonly<Record<string, string>> = {
  hintDedicated: "hint-dedicated",
  pollControl: "poll-control",
  pvIpi: "pv-ipi",
  dirtyRing: "dirty-ring",
};

const HYPERV = new Set([
  "relaxed",
  "vapic",
  "vpindex",
  "runtime",
  "synic",
  "stimer",
  "reset",
  "frequencies",
  "reenlightenment",
  "tlbflush",
  "ipi",
  "evmcs",
  "avic",
]);

function hypervProperties({ definition }: BuildContext): Record<string, string | boolean | number> {
  const { mode, ...features } = definition.features?.hyperv ?? {};
  if (mode === "passthrough" || mode === "host-model")
    throw unsupported("features/hyperv/@mode", `the mode ${mode} is not supported, use custom`);
  return Object.fromEntries(
    switchedOn(features, HYPERV_NAMES, "hyperv").map((name): [string, string | boolean | number] => {
      if (name === "spinlocks") return ["hv-spinlocks", features.spinlocks?.retries ?? "0x1fff"];
      if (name === "vendor_id") return ["hv-vendor-id", features.vendorId?.value ?? ""];
      if (!HYPERV.has(name))
        throw unsupported(`features/hyperv/${name}`, `the Hyper-V feature ${name} is not supported`);
      return [`hv-${name}`, true];
    }),
  );
}

function kvmProperties({ definition }: BuildContext): Record<string, boolean> {
  return Object.fromEntries(
    switchedOn(definition.features?.kvm ?? {}, KVM_NAMES, "kvm").map((name): [string, boolean] => {
      if (name === "hidden") return ["kvm", false];
      if (name === "hint-dedicated" || name === "poll-control") return [`kvm-${name}`, true];
      throw unsupported(`features/kvm/${name}`, `the KVM feature ${name} is not supported`);
    }),
  );
}

interface Switch {
  readonly state?: boolean;
}

/** The features whose state is on, by their names in the document. */
function switchedOn(
  features: Readonly<Record<string, Switch>>,
  names: Readonly<Record<string, string>>,
  kind: string,
): readonly string[] {
  return Object.entries(features).flatMap(([key, feature]) => {
    if (feature.state === false) return [];
    const name = names[key] ?? key;
    if (Object.values(feature).some((option) => typeof option === "object")) {
      throw unsupported(`features/${kind}/${name}`, `options inside <${name}> are not supported`);
    }
    return [name];
  });
}
