import type { DomainDefinition } from "../../../model.ts";
import { boardOf } from "../machine.ts";
import { unable } from "./unable.ts";
import type { Rule } from "./unable.ts";

const MIB = 1024n * 1024n;
/** The last second of the year 9999. */
const LAST_START = 253402300799;
/** More need numbers that only an IOMMU with extended interrupts has room for. */
const SHORT_APIC_IDS = 255;

export function checkQemuMachine(definition: DomainDefinition): void {
  const { os, vcpu, devices, memtune, memoryBacking, type } = definition;
  const { arch = "", machine = "" } = os.type;
  const board = boardOf(arch, machine);
  const x86 = arch === "x86_64" || arch === "i686";
  const smm = definition.features?.smm;
  const q35 = board === "q35";
  unable([
    ...featureRules(definition, board === "pseries", x86),
    ...timerRules(definition, x86),
    ...actionRules(definition),
    [os.loader?.secure === true && !q35, "os/loader/@secure", "secure boot needs the machine q35"],
    [
      // Whoever leaves the firmware to be chosen gets what it needs.
      os.loader?.secure === true && os.firmwareKind === undefined && smm?.state !== true,
      "os/loader/@secure",
      "secure boot needs <smm state='on'/> among the features",
    ],
    [os.bios?.useserial === true && !x86, "os/bios/@useserial", "only x86 firmware writes to a serial port"],
    [
      os.bios?.useserial === true && devices.serials.length === 0,
      "os/bios/@useserial",
      "the guest has no serial port for its firmware; add a <serial>",
    ],
    [
      x86 && vcpu.count > SHORT_APIC_IDS && !devices.iommus.some(({ driver }) => driver?.eim === true),
      "vcpu",
      `more than ${SHORT_APIC_IDS} processors need an IOMMU with eim='on'`,
    ],
    [
      x86 && vcpu.count > SHORT_APIC_IDS && !q35,
      "vcpu",
      `only q35 has more than ${SHORT_APIC_IDS} processors`,
    ],
    [memtune?.minGuarantee !== undefined, "memtune/min_guarantee", "QEMU guarantees no memory"],
    [
      memoryBacking?.hugepages !== undefined && memoryBacking.source === "anonymous",
      "memoryBacking/source/@type",
      "huge pages are not anonymous memory",
    ],
    [
      memoryBacking?.hugepages !== undefined && memoryBacking.allocation?.mode === "ondemand",
      "memoryBacking/allocation/@mode",
      "huge pages are allocated at once",
    ],
    [
      definition.features?.tcg !== undefined && type !== "qemu",
      "features/tcg",
      `a guest of type ${type} is not emulated by TCG`,
    ],
    [
      (definition.features?.tcg?.tbCache ?? 0n) % MIB !== 0n,
      "features/tcg/tb-cache",
      "the cache is a whole number of MiB",
    ],
    [
      definition.cpu?.maxphysaddr !== undefined && !x86,
      "cpu/maxphysaddr",
      `the width of addresses cannot be chosen on ${arch}`,
    ],
    [definition.cpu?.cache !== undefined && !x86, "cpu/cache", `${arch} cannot choose its caches`],
  ]);
}

function featureRules({ features, os }: DomainDefinition, pseries: boolean, x86: boolean): readonly Rule[] {
  const { arch = "", machine = "" } = os.type;
  const onlyPseries = { hpt: "hpt", htm: "htm", nestedHv: "nested-hv", ccfAssist: "ccf-assist" } as const;
  const alsoPseries = { cfpc: "cfpc", sbbc: "sbbc", ibs: "ibs" } as const;
  const power = Object.entries({ ...onlyPseries, ...alsoPseries }).map(([key, name]): Rule => {
    const given = features?.[key as keyof typeof onlyPseries] !== undefined;
    return [given && !pseries, `features/${name}`, `${arch} ${machine} has no ${name}, only pseries has`];
  });
  const arm = arch === "aarch64" || arch === "armv7l";
  return [
    ...power,
    [features?.vmport !== undefined && !x86, "features/vmport", `${arch} has no VMware port`],
    [features?.apic?.eoi !== undefined && !x86, "features/apic/@eoi", `${arch} has no APIC`],
    [features?.pvspinlock !== undefined && !x86, "features/pvspinlock", `${arch} has no such spinlocks`],
    [
      features?.hyperv !== undefined && !x86 && arch !== "aarch64",
      "features/hyperv",
      `guests on ${arch} do not know Hyper-V`,
    ],
    [features?.gic !== undefined && !arm, "features/gic", `${arch} has no GIC`],
    [features?.ioapic !== undefined && !x86, "features/ioapic", `${arch} has no I/O APIC`],
  ];
}

const X86_TIMERS: ReadonlySet<string> = new Set(["kvmclock", "hypervclock", "hpet", "tsc"]);

function timerRules({ clock, os }: DomainDefinition, x86: boolean): readonly Rule[] {
  const { arch = "" } = os.type;
  const timers = (clock?.timers ?? []).flatMap(({ name, track, tickpolicy, present }, i): readonly Rule[] => {
    const path = `clock/timer[${i + 1}]`;
    return [
      [X86_TIMERS.has(name) && !x86 && present !== false, `${path}/@name`, `${arch} has no timer ${name}`],
      [name === "armvtimer" && arch !== "aarch64", `${path}/@name`, `${arch} has no timer ${name}`],
      [name === "platform", `${path}/@name`, "QEMU has no timer platform"],
      [
        name === "rtc" && track === "boot",
        `${path}/@track`,
        "QEMU's clock does not follow boot; it follows guest, wall or realtime",
      ],
      [
        name === "rtc" && (tickpolicy === "merge" || tickpolicy === "discard"),
        `${path}/@tickpolicy`,
        `QEMU's clock cannot ${tickpolicy} ticks; it can delay them or catch up`,
      ],
      [name === "pit" && tickpolicy === "merge", `${path}/@tickpolicy`, "the PIT cannot merge ticks"],
    ];
  });
  const late = clock?.offset === "absolute" && clock.start > LAST_START;
  return [...timers, [late, "clock/@start", "QEMU's clock ends with the year 9999"]];
}

function actionRules({ onPoweroff, onReboot, onCrash }: DomainDefinition): readonly Rule[] {
  const all = { on_poweroff: onPoweroff, on_reboot: onReboot, on_crash: onCrash };
  const renaming = Object.entries(all).map(([name, action]): Rule => {
    return [action === "rename-restart", name, "QEMU cannot keep a guest under another name"];
  });
  return [
    ...renaming,
    [onPoweroff === "preserve", "on_poweroff", "a guest that has switched itself off cannot be kept"],
    [onReboot === "preserve", "on_reboot", "a guest that restarts cannot be kept"],
    [
      onReboot === "destroy" && onPoweroff === "restart",
      "on_poweroff",
      "QEMU tells switching off and restarting apart too late to do the one for the other",
    ],
  ];
}
