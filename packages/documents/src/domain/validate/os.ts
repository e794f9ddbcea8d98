import type { DomainDefinition } from "../model.ts";
import { nvramPath } from "../os.ts";
import { isPower } from "./memory.ts";
import { allDevices, isQemu, numbered, refuse } from "./refuse.ts";

/** How the guest starts. */
export function checkOs(definition: DomainDefinition): void {
  const { os } = definition;
  if (os.type.kind === "exe" && os.init === undefined)
    refuse("os", "a container has no program to begin with", "add <init>/sbin/init</init>");
  if (os.firmwareKind === undefined) checkChosenFirmware(definition);
  else checkFirmwareChoice(definition);
  checkVariables(definition);
  checkBootOrder(definition);
  checkTimers(definition);
  checkSysinfo(definition);
  checkIdmap(definition);
  if (isQemu(definition)) {
    checkFeatures(definition);
    checkPaths(definition);
  }
}

function checkPaths({ os }: DomainDefinition): void {
  const paths = {
    loader: os.loader?.path,
    nvram: nvramPath(os),
    kernel: os.kernel,
    initrd: os.initrd,
    dtb: os.dtb,
  };
  for (const [name, path] of Object.entries(paths)) {
    if (path !== undefined && !path.startsWith("/"))
      refuse(`os/${name}`, `the path "${path}" is not absolute`);
  }
}

/** With `firmware` somebody else chooses the files. */
function checkFirmwareChoice({ os }: DomainDefinition): void {
  const { loader, nvram, firmware } = os;
  const cannot = (from: object, path: string) =>
    refuse(path, `with firmware='${os.firmwareKind}' the firmware is chosen`, "leave one of the two out");
  if (loader?.readonly !== undefined) cannot(loader, "os/loader/@readonly");
  if (loader?.type !== undefined) cannot(loader, "os/loader/@type");
  if (loader?.path !== undefined) cannot(loader, "os/loader");
  if (loader?.secure === false) cannot(loader, "os/loader/@secure");
  if (nvram?.template !== undefined) cannot(nvram, "os/nvram/@template");
  if (nvram !== undefined && os.firmwareKind === "bios")
    refuse("os/nvram", "a BIOS keeps no variables in a file", "use firmware='efi'");
  const state = (name: string) => firmware?.features.find((f) => f.name === name)?.enabled;
  if (firmware !== undefined && state("enrolled-keys") === true && state("secure-boot") === false)
    refuse("os/firmware/feature", "keys are of no use without secure boot");
}

function checkChosenFirmware(definition: DomainDefinition): void {
  const { os, features } = definition;
  const { firmware, loader } = os;
  const { arch = "" } = os.type;
  if (firmware !== undefined)
    refuse("os/firmware", "features are for choosing a firmware", "add firmware='efi' to <os>");
  if (loader !== undefined && loader.path === undefined)
    refuse("os/loader", "the firmware has no path", "give one, or use firmware='efi'");
  if (!isQemu(definition)) return;
  if (loader?.type === "pflash" && features?.acpi !== true && (arch === "x86_64" || arch === "i686"))
    refuse("os/loader", "UEFI needs ACPI", "add <acpi/> to <features>");
  if (loader?.type !== "pflash" && features?.acpi === true && arch === "aarch64")
    refuse("features/acpi", "ACPI needs UEFI on aarch64", "use firmware='efi'");
}

function checkVariables({ os }: DomainDefinition): void {
  const { loader, nvram } = os;
  if (loader?.stateless === true && nvram !== undefined)
    refuse("os/nvram", "a stateless firmware keeps no variables");
  if (loader?.stateless !== false) return;
  if (os.firmwareKind === undefined ? loader.type !== "pflash" : os.firmwareKind !== "efi")
    refuse("os/loader/@stateless", "only UEFI keeps variables");
}

const LOADPARM = /^[A-Z0-9. ]{1,8}$/i;

function checkBootOrder(definition: DomainDefinition): void {
  const taken = new Map<number, string>();
  const { os } = definition;
  for (const { device, path } of allDevices(definition)) {
    const { boot } = device;
    if (boot === undefined) continue;
    if (boot.loadparm !== undefined && !LOADPARM.test(boot.loadparm))
      refuse(`${path}/boot/@loadparm`, `"${boot.loadparm}" is not 1 to 8 letters, digits, dots and blanks`);
    // These hypervisors take both.
    if (os.boot.length > 0 && !["bhyve", "vz", "parallels"].includes(definition.type))
      refuse(`${path}/boot`, "the order of devices and <boot> of <os> exclude each other");
    const other = taken.get(boot.order);
    if (other !== undefined)
      refuse(`${path}/boot/@order`, `the place ${boot.order} in the boot order is that of ${other} already`);
    taken.set(boot.order, path);
  }
}

function checkTimers({ clock, os }: DomainDefinition): void {
  for (const [timer, path] of numbered(clock?.timers ?? [], "clock/timer")) {
    const cannot = (name: string) =>
      refuse(`${path}/@${name}`, `the timer ${timer.name} has no ${name}`, "leave it out");
    if ((timer.name === "kvmclock" || timer.name === "hypervclock") && timer.tickpolicy !== undefined)
      cannot("tickpolicy");
    if (
      timer.catchup !== undefined &&
      timer.tickpolicy !== "catchup" &&
      Object.keys(timer.catchup).length > 0
    )
      refuse(`${path}/catchup`, "only a timer with tickpolicy='catchup' catches up");
    if (timer.name !== "tsc" && timer.frequency !== undefined) cannot("frequency");
    if (timer.name !== "tsc" && timer.mode !== undefined) cannot("mode");
    if (timer.name !== "platform" && timer.name !== "rtc" && timer.track !== undefined) cannot("track");
    const { arch = "x86_64" } = os.type;
    const ofPc = ["pit", "rtc", "hpet", "tsc", "kvmclock", "hypervclock"].includes(timer.name);
    if (ofPc && arch.startsWith("s390") && timer.present !== false)
      refuse(path, `a guest of ${arch} has no timer ${timer.name}`);
  }
}

const DATE = /^\d{1,2}\/\d{1,2}\/(\d{2}|\d{4})$/;

function checkSysinfo({ sysinfo, uuid }: DomainDefinition): void {
  for (const [info, path] of numbered(sysinfo, "sysinfo")) {
    if (info.type !== "smbios") continue;
    const date = info.bios?.find(({ name }) => name === "date");
    if (date?.value !== undefined && !DATE.test(date.value))
      refuse(`${path}/bios/entry`, `the date "${date.value}" is not written as 12/31/2026`);
    const system = info.system?.find(({ name }) => name === "uuid");
    if (system?.value !== undefined && uuid !== undefined && !sameUuid(system.value, uuid))
      refuse(`${path}/system/entry`, `the UUID ${system.value} is not that of the guest, ${uuid}`);
  }
}

function sameUuid(a: string, b: string): boolean {
  const bare = (uuid: string) => uuid.trim().replaceAll("-", "").toLowerCase();
  return bare(a) === bare(b);
}

function checkIdmap({ idmap }: DomainDefinition): void {
  if (idmap === undefined) return;
  if ((idmap.uids.length === 0) !== (idmap.gids.length === 0))
    refuse("idmap", "users and groups are mapped both or not at all");
  for (const [first, path] of [
    [idmap.uids[0], "idmap/uid"],
    [idmap.gids[0], "idmap/gid"],
  ] as const) {
    if (first !== undefined && first.start !== 0)
      refuse(`${path}/@start`, "the container's root is not mapped", "begin with start='0'");
  }
}

const MIB = 1024n * 1024n;

/** Features that only some machines have. */
function checkFeatures({ os, features }: DomainDefinition): void {
  if (features === undefined) return;
  const { arch = "x86_64", machine = "" } = os.type;
  const q35 = machine === "q35" || machine.startsWith("pc-q35");
  const tseg = features.smm?.tseg;
  if (tseg !== undefined) {
    if (machine !== "" && !q35) refuse("features/smm/tseg", "only q35 has a TSEG");
    if (tseg % MIB !== 0n) refuse("features/smm/tseg", `${tseg} bytes are not whole MiB`);
  }
  if (features.gic !== undefined && !(isArm(arch) && (machine === "virt" || machine.startsWith("virt-"))))
    refuse("features/gic", `${arch} ${machine} has no GIC that can be chosen`);
  const pseries = isPower(arch) && machine.startsWith("pseries");
  for (const [name, feature] of Object.entries({
    hpt: features.hpt,
    htm: features.htm,
    "nested-hv": features.nestedHv,
    "ccf-assist": features.ccfAssist,
    cfpc: features.cfpc,
    sbbc: features.sbbc,
    ibs: features.ibs,
  })) {
    if (feature !== undefined && !pseries)
      refuse(`features/${name}`, `${arch} ${machine} has no ${name}, only pseries has`);
  }
}

export function isArm(arch: string): boolean {
  return arch === "aarch64" || arch.startsWith("arm");
}
