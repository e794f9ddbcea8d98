import { normalSet } from "@virtmesh/documents/domain/number-sets";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { Cpu } from "@virtmesh/documents/domain/cpu";
import type { Timer } from "@virtmesh/documents/domain/clock";
import { BOOT_LETTERS, keyOf, LAST_CPU, TSC_MODES } from "./names.ts";
import { type Dialect, type Pair, unsupported, type Value } from "./setting.ts";

type Cell = NonNullable<Cpu["numa"]>["cells"][number];

/** Name, memory, processors, features, clock and what follows an end: alike for xl and xm. */
export function machineSettings(definition: DomainDefinition, dialect: Dialect): readonly Pair[] {
  const { name, uuid, onPoweroff, onReboot, onCrash, devices } = definition;
  return [
    ["name", name],
    ...some("uuid", uuid),
    ["maxmem", mib(definition.memory.bytes)],
    ["memory", mib(definition.currentMemory?.bytes ?? definition.memory.bytes)],
    ...cpuSettings(definition, dialect),
    ...featureSettings(definition),
    ...clockSettings(definition),
    ...some("on_poweroff", onPoweroff),
    ...some("on_reboot", onReboot),
    ...some("on_crash", onCrash),
    ...some("device_model_override", devices.emulator),
  ];
}

/** A setting, where there is something to set. */
export function some(key: string, value: Value | undefined): readonly Pair[] {
  return value === undefined || (typeof value === "object" && value.length === 0) ? [] : [[key, value]];
}

export function isHvm({ os }: DomainDefinition): boolean {
  return os.type.kind === "hvm";
}

/** What finds the kernel in the guest's first disk, where the host has none for it. */
const PYGRUB = "pygrub";

export function bootloaderOf({ os, bootloader }: DomainDefinition): string | undefined {
  return bootloader ?? (os.type.kind !== "hvm" && os.kernel === undefined ? PYGRUB : undefined);
}

/** Drives in the order in which firmware tries them. */
export function bootSetting({ os }: DomainDefinition): Pair {
  const letters = os.boot.map(({ dev }) => keyOf(BOOT_LETTERS, dev) ?? "");
  return ["boot", letters.length === 0 ? "c" : letters.join("")];
}

function mib(bytes: bigint): number {
  return Number((bytes + (1n << 20n) - 1n) >> 20n);
}

/** A share of the host's processors, as Xen counts them. */
const WEIGHTS = { least: 1n, most: 65_535n };

function cpuSettings({ vcpu, cputune }: DomainDefinition, dialect: Dialect): readonly Pair[] {
  const { count, current = count } = vcpu;
  const pins = dialect === "xl" ? (cputune?.vcpupins ?? []) : [];
  const shares = dialect === "xl" ? cputune?.shares : undefined;
  if (shares !== undefined && (shares < WEIGHTS.least || shares > WEIGHTS.most))
    throw unsupported(
      `Xen has shares from ${WEIGHTS.least} to ${WEIGHTS.most}, not ${shares}`,
      "cputune/shares",
    );
  const cpus = (cpuset: string | undefined) => (cpuset === undefined ? undefined : cpusOf(cpuset));
  const all = Array.from({ length: count }, (_, n) => {
    const pin = pins.find((one) => one.vcpu === n);
    return cpus(pin?.cpuset ?? vcpu.cpuset) ?? "all";
  });
  return [
    ...(current < count ? [["maxvcpus", count] as const] : []),
    ["vcpus", current],
    ...some("cpus", pins.length === 0 ? cpus(vcpu.cpuset) : all),
    ...some("cpu_weight", shares === undefined ? undefined : Number(shares)),
  ];
}

/** Of the host's. */
function cpusOf(cpuset: string): string {
  const beyond = cpuset.match(/\d+/g)?.find((number) => Number(number) > LAST_CPU);
  if (beyond !== undefined)
    throw unsupported(
      `the processors of a host of Xen have the numbers 0 to ${LAST_CPU}, not ${beyond}`,
      "vcpu/@cpuset",
    );
  return normalSet(cpuset);
}

function featureSettings(definition: DomainDefinition): readonly Pair[] {
  const { features, clock } = definition;
  const flag = (value: unknown) => (value === undefined || value === false ? 0 : 1);
  const own: readonly Pair[] = isHvm(definition)
    ? [
        ["pae", flag(features?.pae)],
        ["acpi", flag(features?.acpi)],
        ["apic", flag(features?.apic)],
        ...(features?.hap?.state === false ? [["hap", 0] as const] : []),
        ["viridian", flag(features?.viridian)],
      ]
    : some("e820_host", features?.xen?.e820Host?.state === true ? 1 : undefined);
  const passthrough = features?.xen?.passthrough;
  return [
    ...own,
    ...some("passthrough", passthrough?.state === true ? (passthrough.mode ?? "enabled") : undefined),
    ...(clock?.timers ?? []).flatMap((timer, i) => timerSetting(definition, timer, `clock/timer[${i + 1}]`)),
  ];
}

function timerSetting(definition: DomainDefinition, timer: Timer, path: string): readonly Pair[] {
  if (timer.name === "tsc") {
    const mode = timer.mode ?? "auto";
    if (mode === "smpsafe") throw unsupported("Xen has no mode smpsafe of the timer tsc", `${path}/@mode`);
    return [["tsc_mode", TSC_MODES[mode]]];
  }
  if (timer.name === "hpet" && isHvm(definition)) return [["hpet", timer.present === false ? 0 : 1]];
  throw unsupported(
    `a guest of Xen ${isHvm(definition) ? "" : "without its own hardware "}has no timer ${timer.name}`,
    path,
  );
}

function clockSettings(definition: DomainDefinition): readonly Pair[] {
  const { rtcTimeoffset, localtime } = clockOf(definition);
  return [...some("rtc_timeoffset", rtcTimeoffset), ["localtime", localtime ? 1 : 0]];
}

/** How far the guest's clock is from the host's. @throws CONFIG_UNSUPPORTED */
export function clockOf(definition: DomainDefinition): {
  readonly rtcTimeoffset?: number;
  readonly localtime: boolean;
} {
  const clock = definition.clock ?? { offset: "utc", timers: [] };
  const hvm = isHvm(definition);
  switch (clock.offset) {
    case "utc":
    case "localtime": {
      // Paravirtualised guests begin with the host's time each time.
      if (clock.adjustment !== undefined && (hvm || clock.adjustment !== "reset"))
        throw unsupported(`Xen cannot adjust a clock by "${clock.adjustment}"`, "clock/@adjustment");
      return { ...(hvm ? { rtcTimeoffset: 0 } : {}), localtime: clock.offset === "localtime" };
    }
    case "variable":
      if (!hvm) break;
      return { rtcTimeoffset: clock.adjustment ?? 0, localtime: clock.basis === "localtime" };
    default:
  }
  throw unsupported(
    `the clock of ${hvm ? "a" : "a paravirtualised"} guest of Xen cannot have the offset ${clock.offset}`,
    "clock/@offset",
  );
}

/** Whether the guest can run guests itself: vmx and svm stand for what the processor of the host has. */
export function isNested({ features }: Cpu): boolean {
  return !features.some(
    ({ name, policy }) => (name === "vmx" || name === "svm") && (policy === "disable" || policy === "forbid"),
  );
}

/** How far the memory of a node is, where nothing is said. */
const LOCAL = 10;
const REMOTE = 20;

export function distanceOf({ distances }: Cell, from: number, to: number): number {
  return distances?.find(({ id }) => id === to)?.value ?? (from === to ? LOCAL : REMOTE);
}
