import { refuse } from "../refuse.ts";
import type { DomainDraft } from "../walk.ts";
import { completeTuning } from "./tuning.ts";

type ClockDraft = NonNullable<DomainDraft["clock"]>;

/** What every machine is even when its definition does not say so. */
export function completeMachine(draft: DomainDraft, newDomain: boolean): void {
  draft.vcpu.placement ??= "static";
  draft.clock = adjusted(draft.clock ?? { offset: "utc", timers: [] });
  draft.onPoweroff ??= "destroy";
  draft.onReboot ??= "restart";
  draft.onCrash ??= "destroy";
  completeTuning(draft);
  completeFeatures(draft);
  completeFirmware(draft);
  completeVcpus(draft);
  completeMemory(draft, newDomain);
  completeBootMenu(draft);
  completeBoot(draft);
  if (draft.os.loader?.path !== undefined) draft.os.loader.type ??= "rom";
  dropNodesetOfOnly(draft);
  checkTimers(draft);
}

/** A clock that is adjusted by seconds is a variable one. */
function adjusted(clock: ClockDraft): ClockDraft {
  if (clock.offset !== "utc" && clock.offset !== "localtime") return clock;
  const { offset, adjustment, timers } = clock;
  if (adjustment === undefined || !/^[-+]?\d+$/.test(adjustment)) return clock;
  return { offset: "variable", adjustment: Number(adjustment), basis: offset, timers };
}

/** A switch that is mentioned is on. */
function completeFeatures({ features }: DomainDraft): void {
  if (features === undefined) return;
  const { hyperv } = features;
  for (const name of SWITCHES) {
    const feature = features[name];
    if (feature !== undefined) feature.state ??= true;
  }
  if (hyperv !== undefined) hyperv.mode ??= "custom";
}

const SWITCHES = [
  "hap",
  "pvspinlock",
  "pmu",
  "vmport",
  "smm",
  "vmcoreinfo",
  "htm",
  "nestedHv",
  "ccfAssist",
] as const;

/** Firmware that has the vendors' keys checks signatures. */
function completeFirmware({ os }: DomainDraft): void {
  const features = os.firmware?.features;
  if (os.firmware === undefined || features?.find((f) => f.name === "enrolled-keys")?.enabled !== true)
    return;
  const secure = features.find((f) => f.name === "secure-boot");
  if (secure?.enabled === false)
    refuse("os/firmware", "the feature enrolled-keys needs secure-boot, which is disabled");
  if (secure === undefined) features.push({ enabled: true, name: "secure-boot" });
}

/** Memory of the guest's nodes and modules, and what it starts with. */
function completeMemory(draft: DomainDraft, newDomain: boolean): void {
  const modules = draft.devices.memories.reduce((sum, { target }) => sum + target.size, 0n);
  const nodes = (draft.cpu?.numa?.cells ?? []).reduce((sum, { bytes }) => sum + bytes, 0n);
  if ((draft.memory.bytes === 0n || newDomain) && nodes > 0n) draft.memory.bytes = nodes + modules;
  const { bytes } = draft.memory;
  if (modules > bytes)
    refuse("devices/memory", `memory modules have ${modules} bytes, <memory> only ${bytes}`);
  if (bytes - modules === 0n)
    refuse("memory", "a guest needs memory of its own, in <memory> or in the nodes of <cpu>");
  const current = draft.currentMemory?.bytes ?? 0n;
  draft.currentMemory = { bytes: current === 0n || current > bytes ? bytes : current };
  const { maxMemory } = draft;
  if (maxMemory === undefined) return;
  if ((maxMemory.slots ?? 0) === 0 || maxMemory.bytes === 0n)
    refuse("maxMemory", "both the most memory and the number of slots are needed");
  if (maxMemory.bytes < bytes)
    refuse("maxMemory", `${maxMemory.bytes} bytes are less than the ${bytes} of <memory>`);
}

/** Processors that are there from the start cannot be taken away, unless it is said. */
function completeVcpus({ vcpus }: DomainDraft): void {
  for (const vcpu of vcpus ?? []) {
    if (vcpu.hotpluggable === false && !vcpu.enabled)
      refuse(`vcpus/vcpu[${vcpu.id + 1}]`, "a processor that is off must be one that can be plugged in");
    vcpu.hotpluggable ??= !vcpu.enabled;
  }
}

/** A menu that is not shown has no time. */
function completeBootMenu({ os }: DomainDraft): void {
  if (os.bootmenu?.enable === false) delete os.bootmenu.timeout;
}

/** A machine that names nothing to boot from boots from its disk. */
function completeBoot({ os, bootloader, devices }: DomainDraft): void {
  if (os.type.kind !== "hvm" || os.boot.length > 0 || bootloader !== undefined) return;
  const bootable = [...devices.disks, ...devices.interfaces, ...devices.hostdevs, ...devices.redirdevs];
  if (![...bootable, ...devices.filesystems].some((d) => d.boot !== undefined)) os.boot.push({ dev: "hd" });
}

/** A guest without nodes has its huge pages on node 0, which need not be said. */
function dropNodesetOfOnly({ cpu, memoryBacking }: DomainDraft): void {
  if ((cpu?.numa?.cells.length ?? 0) > 0) return;
  for (const page of memoryBacking?.hugepages ?? []) if (page.nodeset === "0") delete page.nodeset;
}

function checkTimers({ clock }: DomainDraft): void {
  for (const [i, timer] of (clock?.timers ?? []).entries()) {
    const path = `clock/timer[${i + 1}]`;
    const cannot = (attribute: string) =>
      refuse(`${path}/@${attribute}`, `the timer ${timer.name} has no ${attribute}`, "CONFIG_UNSUPPORTED");
    const virtual = timer.name === "kvmclock" || timer.name === "hypervclock";
    if (virtual && timer.tickpolicy !== undefined) cannot("tickpolicy");
    const { threshold = 0, slew = 0, limit = 0 } = timer.catchup ?? {};
    if (timer.tickpolicy !== "catchup" && threshold + slew + limit > 0)
      refuse(`${path}/catchup`, "only a timer with tickpolicy catchup can say how it catches up");
    if (timer.name !== "tsc" && timer.frequency !== undefined) cannot("frequency");
    if (timer.name !== "tsc" && timer.mode !== undefined) cannot("mode");
    if (timer.name !== "platform" && timer.name !== "rtc" && timer.track !== undefined) cannot("track");
  }
}
