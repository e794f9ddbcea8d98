import { normalSet } from "@virtmesh/documents/domain/number-sets";
import type { Clock, Timer } from "@virtmesh/documents/domain/clock";
import type { Features } from "@virtmesh/documents/domain/features";
import { type Devices, NO_DEVICES } from "@virtmesh/documents/domain/devices";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { completeXenDomain } from "@virtmesh/documents/domain/semantics/xen";
import { BOOT_LETTERS, keyOf, TSC_MODES } from "./names.ts";
import { type Dialect, invalid } from "./setting.ts";
import type { Settings } from "./settings.ts";

export type Kind = "hvm" | "linux" | "xenpvh";

type Machine = Pick<
  DomainDefinition,
  | "name"
  | "uuid"
  | "memory"
  | "currentMemory"
  | "vcpu"
  | "cputune"
  | "features"
  | "clock"
  | "onPoweroff"
  | "onReboot"
  | "onCrash"
>;

/** A whole guest of what files say of it, with everything that a guest of Xen has besides. */
export function guestOf(
  kind: Kind,
  parts: Omit<Partial<DomainDefinition>, "os" | "devices">,
  os: Partial<DomainDefinition["os"]>,
  devices: Partial<Devices>,
): DomainDefinition {
  const xml = `<domain type="xen"><name>guest</name><memory>0</memory><os><type>${kind}</type></os></domain>`;
  const bare = parseDomain(xml);
  return completeXenDomain({
    ...bare,
    ...parts,
    os: { ...bare.os, ...os },
    devices: { ...NO_DEVICES, ...devices },
  });
}

/** Which kind of guest it is: `type`, or the older `builder`. @throws CONFIG_INVALID */
export function kindOf(settings: Settings): Kind {
  const builder = settings.string("builder");
  const type = settings.string("type") ?? (builder === "hvm" ? "hvm" : "pv");
  const kind = { hvm: "hvm", pv: "linux", pvh: "xenpvh" }[type] as Kind | undefined;
  if (kind === undefined) throw invalid(settings.line("type"), `type must be hvm, pv or pvh, not "${type}"`);
  return kind;
}

/** Name, memory, processors, features, clock and what follows an end: alike for xl and xm. @throws CONFIG_INVALID */
export function machineOf(settings: Settings, kind: Kind, dialect: Dialect): Machine {
  const name = settings.string("name");
  if (name === undefined) throw invalid(1, "name is missing: the name of the guest");
  const uuid = settings.string("uuid");
  return {
    name,
    ...(uuid === undefined ? {} : { uuid: uuid.toLowerCase() }),
    ...memoryOf(settings),
    ...cpusOf(settings, dialect),
    ...featuresOf(settings, kind),
    clock: clockOf(settings, kind),
    onPoweroff: action(settings, "on_poweroff", "destroy"),
    onReboot: action(settings, "on_reboot", "restart"),
    onCrash: action(settings, "on_crash", dialect === "xl" ? "destroy" : "restart"),
  };
}

/** Drives in the order in which firmware tries them. */
export function bootOf(settings: Settings): DomainDefinition["os"]["boot"] {
  return (settings.string("boot") ?? "c").split("").map((letter) => {
    const dev = BOOT_LETTERS[letter as keyof typeof BOOT_LETTERS];
    if (dev === undefined)
      throw invalid(
        settings.line("boot"),
        `boot has the letters a (floppy), c (disk), d (CD) and n (network), not "${letter}"`,
      );
    return { dev };
  });
}

/** The kernel's words; xl knows an older form in two parts. */
export function commandLineOf(settings: Settings): string | undefined {
  const whole = settings.string("cmdline");
  const root = settings.string("root");
  const extra = settings.string("extra");
  if (whole !== undefined) return whole;
  return root === undefined ? extra : [`root=${root}`, ...(extra === undefined ? [] : [extra])].join(" ");
}

function memoryOf(settings: Settings): Pick<Machine, "memory" | "currentMemory"> {
  const memory = settings.number("memory");
  const most = settings.number("maxmem") ?? memory;
  if (most === undefined) throw invalid(1, "memory is missing: how many MiB the guest has");
  if (most <= 0 || (memory ?? most) <= 0)
    throw invalid(settings.line("memory"), "memory must be more than nothing");
  const bytes = (mib: number) => ({ bytes: BigInt(mib) << 20n });
  return { memory: bytes(most), currentMemory: bytes(memory ?? most) };
}

function cpusOf(settings: Settings, dialect: Dialect): Pick<Machine, "vcpu" | "cputune"> {
  const current = settings.number("vcpus") ?? settings.number("maxvcpus") ?? 1;
  const count = settings.number("maxvcpus") ?? current;
  if (current < 1 || count < current || count > 65_535)
    throw invalid(settings.line("vcpus"), "vcpus must be at least 1, and not more than maxvcpus");
  const cpus = settings.value("cpus");
  const line = settings.line("cpus");
  const vcpu = { placement: "static" as const, count, ...(current < count ? { current } : {}) };
  const shares = dialect === "xl" ? settings.number("cpu_weight") : undefined;
  const cpuset = typeof cpus === "object" ? undefined : setOf(cpus, line);
  const vcpupins =
    typeof cpus !== "object"
      ? []
      : cpus.flatMap((item, i) => {
          const set = setOf(String(item), line);
          return set === undefined ? [] : [{ vcpu: i, cpuset: set }];
        });
  return {
    vcpu: cpuset === undefined ? vcpu : { ...vcpu, cpuset },
    ...(shares === undefined && vcpupins.length === 0
      ? {}
      : {
          cputune: {
            ...(shares === undefined ? {} : { shares: BigInt(shares) }),
            ...{ vcpupins, iothreadpins: [], vcpuscheds: [], iothreadscheds: [] },
            ...{ cachetunes: [], memorytunes: [], energytunes: [] },
          },
        }),
  };
}

/** Processors of the host; undefined for all of them. */
function setOf(cpus: string | number | undefined, line: number): string | undefined {
  if (cpus === undefined || cpus === "" || cpus === "all") return undefined;
  const text = String(cpus).replaceAll(" ", "");
  if (!/^\^?\d{1,4}(-\d{1,4})?(,\^?\d{1,4}(-\d{1,4})?)*$/.test(text))
    throw invalid(line, `"${cpus}" is no list of processors such as 0-3,^2,8`);
  return normalSet(text);
}

function featuresOf(settings: Settings, kind: Kind): Pick<Machine, "features"> {
  const on = (key: string, assumed: boolean) => settings.flag(key) ?? assumed;
  const own: Features =
    kind === "hvm"
      ? {
          ...(on("acpi", true) ? { acpi: true } : {}),
          ...(on("apic", true) ? { apic: {} } : {}),
          ...(on("pae", true) ? { pae: true } : {}),
          ...(on("hap", true) ? {} : { hap: { state: false } }),
          ...(on("viridian", false) ? { viridian: true } : {}),
        }
      : {};
  const xen = {
    ...(kind !== "hvm" && on("e820_host", false) ? { e820Host: { state: true } } : {}),
    ...passthroughOf(settings),
  };
  const features = { ...own, ...(Object.keys(xen).length === 0 ? {} : { xen }) };
  return Object.keys(features).length === 0 ? {} : { features };
}

type XenFeatures = NonNullable<Features["xen"]>;

function passthroughOf(settings: Settings): Pick<XenFeatures, "passthrough"> {
  const passthrough = settings.string("passthrough");
  switch (passthrough) {
    case undefined:
    case "disabled":
      return {};
    case "enabled":
      return { passthrough: { state: true } };
    case "sync_pt":
    case "share_pt":
      return { passthrough: { state: true, mode: passthrough } };
    default:
      throw invalid(
        settings.line("passthrough"),
        `passthrough is disabled, enabled, sync_pt or share_pt, not "${passthrough}"`,
      );
  }
}

function clockOf(settings: Settings, kind: Kind): Clock {
  const timers: Timer[] = [...tscOf(settings), ...(kind === "hvm" ? hpetOf(settings) : [])];
  const basis = settings.flag("localtime") === true ? "localtime" : "utc";
  // The time of a guest without a clock of its own is set anew at each start.
  if (kind !== "hvm") return { offset: basis, adjustment: "reset", timers };
  return { offset: "variable", adjustment: settings.number("rtc_timeoffset") ?? 0, basis, timers };
}

function tscOf(settings: Settings): readonly Timer[] {
  const written = settings.string("tsc_mode");
  if (written === undefined) return [];
  // Older files have the number.
  const name = Object.values(TSC_MODES)[Number(written)] ?? written;
  const mode = keyOf(TSC_MODES, name);
  if (mode === undefined)
    throw invalid(
      settings.line("tsc_mode"),
      `tsc_mode is ${Object.values(TSC_MODES).join(", ")}, not "${written}"`,
    );
  return [{ name: "tsc", present: true, mode }];
}

function hpetOf(settings: Settings): readonly Timer[] {
  const present = settings.flag("hpet");
  return present === undefined ? [] : [{ name: "hpet", present }];
}

const ACTIONS = [
  "destroy",
  "restart",
  "preserve",
  "rename-restart",
  "coredump-destroy",
  "coredump-restart",
] as const;
type Action = (typeof ACTIONS)[number];

function action(settings: Settings, key: string, otherwise: Action): Action {
  const written = settings.string(key) ?? otherwise;
  const known = ACTIONS.find((name) => name === written);
  if (known === undefined)
    throw invalid(settings.line(key), `${key} is ${ACTIONS.join(", ")}, not "${written}"`);
  return known;
}
