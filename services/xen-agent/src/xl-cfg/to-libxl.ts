import { numbersOf } from "@virtmesh/documents/domain/number-sets";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { completeXenDomain } from "@virtmesh/documents/domain/semantics/xen";
import { cpuidOf } from "./cpu-bits.ts";
import { flag, given, type Json, listed, nonZero } from "./json.ts";
import { SCREENS, TSC_MODES } from "./names.ts";
import { unsupported } from "./setting.ts";
import { chardev } from "./to-chardev.ts";
import { deviceParts, screenParts } from "./to-libxl-devices.ts";
import { soundOf } from "./to-small-devices.ts";
import { bootloaderOf, bootSetting, clockOf, distanceOf, isHvm, isNested } from "./to-machine.ts";

/** What a host decides about a guest. */
export interface LibxlHost {
  /** KiB in which Xen keeps the guest's page tables; libxl finds out itself when nothing is said. */
  readonly shadowKib?: number;
}

/**
 * What libxl is asked for when a guest starts, in the form in which `xl create --dryrun` shows it. What it says may be
 * more than what a file says of the same guest: defaults of xl are spelled out.
 * @throws XML_INVALID, CONFIG_UNSUPPORTED naming the place of what libxl does not know
 */
export function libxlConfig(definition: DomainDefinition, host: LibxlHost = {}): Json {
  const completed = completeXenDomain(definition);
  const { onPoweroff, onReboot, onCrash } = completed;
  return given({
    c_info: createInfo(completed),
    b_info: buildInfo(completed, host),
    ...deviceParts(completed),
    on_poweroff: action(onPoweroff),
    on_reboot: action(onReboot),
    on_crash: action(onCrash),
  });
}

/** A guest that ends is gone unless something else is said. */
function action(name: DomainDefinition["onCrash"]): string | undefined {
  return name === "destroy" ? undefined : name?.replaceAll("-", "_");
}

const TYPES = { hvm: "hvm", linux: "pv", xenpvh: "pvh" } as const;

function typeOf({ os }: DomainDefinition): "hvm" | "pv" | "pvh" {
  return TYPES[os.type.kind as keyof typeof TYPES];
}

function createInfo(definition: DomainDefinition): Json {
  const { name, uuid, features } = definition;
  const passthrough = features?.xen?.passthrough;
  const isOn = passthrough?.state ?? false;
  return given({
    type: typeOf(definition),
    hap: typeOf(definition) === "pv" ? undefined : flag(features?.hap?.state),
    name,
    uuid,
    passthrough: passthrough === undefined ? undefined : isOn ? (passthrough.mode ?? "enabled") : "disabled",
  });
}

function buildInfo(definition: DomainDefinition, host: LibxlHost): Json {
  const { os, vcpu, cpu, devices, features, cputune, memory, currentMemory } = definition;
  const type = typeOf(definition);
  const hvm = isHvm(definition);
  const { rtcTimeoffset, localtime } = clockOf(definition);
  const shares = cputune?.shares;
  const isPassed = type !== "pv" && cpu?.mode === "host-passthrough";
  const emulator = hvm ? devices.emulator : undefined;
  const start = startParts(definition);
  return given({
    max_vcpus: vcpu.count,
    avail_vcpus: Array.from({ length: vcpu.current ?? vcpu.count }, (_, n) => n),
    ...affinity(definition),
    tsc_mode: tscMode(definition),
    max_memkb: kib(memory.bytes),
    target_memkb: kib(currentMemory?.bytes ?? memory.bytes),
    video_memkb: hvm ? devices.videos[0]?.model?.vram : undefined,
    shadow_memkb: host.shadowKib,
    rtc_timeoffset: nonZero(rtcTimeoffset),
    localtime: localtime ? "True" : undefined,
    vnuma_nodes: listed(nodes(definition)),
    // nestedhvm says what becomes of vmx and svm.
    cpuid: isPassed
      ? listed(cpuidOf(cpu.features.filter(({ name }) => name !== "vmx" && name !== "svm")))
      : undefined,
    nested_hvm: isPassed ? flag(isNested(cpu)) : undefined,
    device_model_version: emulator === undefined ? undefined : "qemu_xen",
    device_model: emulator,
    extra: listed(definition.xenCommandline?.args.map(({ value }) => value) ?? []),
    sched_params: given({ weight: shares === undefined ? undefined : Number(shares) }),
    ...xenbus(definition),
    apic: hvm ? flag(features?.apic !== undefined) : undefined,
    acpi: hvm ? flag(features?.acpi === true) : undefined,
    ...(type === "pv" ? {} : start),
    kernel: type === "pv" ? undefined : os.kernel,
    [`type.${type}`]: hvm ? hvmParts(definition) : type === "pv" ? pvParts(definition, start) : {},
    arch_arm: {},
  });
}

function kib(bytes: bigint): number {
  return Number(bytes >> 10n);
}

function affinity({ vcpu, cputune }: DomainDefinition): Readonly<Record<string, Json>> {
  const pins = (cputune?.vcpupins ?? []).filter((pin) => pin.vcpu < vcpu.count);
  const last = Math.max(-1, ...pins.map((pin) => pin.vcpu));
  if (last < 0) return {};
  const sets = Array.from({ length: last + 1 }, (_, n) => {
    const cpuset = pins.find((pin) => pin.vcpu === n)?.cpuset ?? vcpu.cpuset;
    if (cpuset === undefined)
      throw unsupported(
        `processor ${n} must be pinned as well: the last that is has the number ${last}`,
        "cputune",
      );
    return numbersOf(cpuset);
  });
  return { vcpu_hard_affinity: sets, numa_placement: "False" };
}

function tscMode({ clock }: DomainDefinition): string | undefined {
  const mode = clock?.timers.find(({ name }) => name === "tsc")?.mode;
  return mode === undefined || mode === "auto" || mode === "smpsafe" ? undefined : TSC_MODES[mode];
}

function nodes({ cpu }: DomainDefinition): readonly Json[] {
  const cells = cpu?.numa?.cells ?? [];
  return cells.map((cell, pnode) =>
    given({
      memkb: kib(cell.bytes),
      distances: cells.map((_, to) => distanceOf(cell, pnode, to)),
      pnode: nonZero(pnode),
      vcpus: numbersOf(cell.cpus ?? ""),
    }),
  );
}

function xenbus({ devices }: DomainDefinition): Readonly<Record<string, number | undefined>> {
  const controller = devices.controllers.find(({ type }) => type === "xenbus");
  if (controller?.type !== "xenbus") return {};
  return { max_grant_frames: controller.maxGrantFrames, event_channels: controller.maxEventChannels };
}

/** What a guest begins with, besides its kernel. */
function startParts(definition: DomainDefinition): Readonly<Record<string, Json | undefined>> {
  const { os, bootloaderArgs } = definition;
  return {
    cmdline: os.cmdline,
    ramdisk: os.initrd,
    bootloader: bootloaderOf(definition),
    bootloader_args: listed(bootloaderArgs?.split(/\s+/).filter((word) => word !== "") ?? []),
  };
}

function pvParts({ os, features }: DomainDefinition, start: ReturnType<typeof startParts>): Json {
  return given({
    ...start,
    kernel: os.kernel,
    e820_host: flag(features?.xen?.e820Host?.state),
  });
}

function hvmParts(definition: DomainDefinition): Json {
  const { os, features, devices, clock } = definition;
  const [video] = devices.videos;
  const [sound] = devices.sounds;
  const usb = devices.inputs.flatMap(({ bus, type }) => (bus === "usb" ? [type] : []));
  const hpet = clock?.timers.find(({ name }) => name === "hpet");
  const serials = devices.serials.map((serial, i) => chardev(serial, `devices/serial[${i + 1}]`));
  if (devices.parallels.length > 0) throw unsupported("libxl has no parallel ports", "devices/parallel");
  const isUefi = os.firmwareKind === "efi" || os.loader?.type === "pflash";
  return given({
    bios: isUefi ? "ovmf" : undefined,
    pae: flag(features?.pae === true),
    viridian: features?.viridian === true ? "True" : undefined,
    hpet: flag(hpet === undefined ? undefined : hpet.present !== false),
    acpi_firmware: os.acpi?.find(({ type }) => type === "slic")?.path,
    nographic: video === undefined ? "True" : undefined,
    vga: { kind: kindOf(video?.model?.type) },
    ...screenParts(definition),
    serial: serials.length === 1 ? serials[0] : undefined,
    serial_list: serials.length > 1 ? serials : undefined,
    boot: bootSetting(definition)[1],
    usbdevice_list: listed(usb),
    soundhw: sound === undefined ? undefined : soundOf(sound, 0),
    rdm: {},
  });
}

function kindOf(model = "none"): string {
  if (model === "none") return model;
  if (model === "xen" || model === "vga") return "std";
  if (model in SCREENS) return model;
  throw unsupported(`libxl has no screen of the model ${model}`, "devices/video[1]/model/@type");
}
