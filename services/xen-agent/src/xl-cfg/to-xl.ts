import { parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { completeXenDomain } from "@virtmesh/documents/domain/semantics/xen";
import { joinFields } from "./fields.ts";
import { xlDefinition } from "./from-xl.ts";
import { checkLosses } from "./losses.ts";
import { CPU_FEATURES, HVMLOADER, OVMF } from "./names.ts";
import { type Pair, unsupported } from "./setting.ts";
import { cardSettings } from "./to-cards.ts";
import { portSettings } from "./to-chardev.ts";
import { diskSettings } from "./to-disks.ts";
import { pciSettings, usbSettings } from "./to-host-devices.ts";
import {
  bootloaderOf,
  bootSetting,
  distanceOf,
  isHvm,
  isNested,
  machineSettings,
  some,
} from "./to-machine.ts";
import { screenSettings } from "./to-screens.ts";
import { inputSettings, soundSettings } from "./to-small-devices.ts";
import { writeSettings } from "./write.ts";

/** An xl.cfg out of a libvirt document. @throws XML_*, CONFIG_UNSUPPORTED naming the place of what xl cannot be told */
export function toXl(xml: string): string {
  return xlConfig(parseDomain(xml));
}

/** What of the host that starts a guest is in its file. */
export interface XlHost {
  /** Of memory. Nodes of a guest that has more than the host are all on the first. */
  readonly nodes?: number;
}

/** The file that xl starts a guest with. @throws XML_INVALID, CONFIG_UNSUPPORTED naming the place of what xl cannot be told */
export function xlConfig(definition: DomainDefinition, host: XlHost = {}): string {
  const completed = completeXenDomain(definition);
  const text = writeSettings(xlSettings(completed, host));
  checkLosses(completed, xlDefinition(text), "xl");
  return text;
}

function xlSettings(definition: DomainDefinition, host: XlHost): readonly Pair[] {
  return [
    ...machineSettings(definition, "xl"),
    ...screenSettings(definition, "xl"),
    ...cardSettings(definition, "xl"),
    ...pciSettings(definition, "xl"),
    ...portSettings(definition, "xl"),
    ...soundSettings(definition),
    ...osSettings(definition),
    ...cpuidSettings(definition),
    ...vnumaSettings(definition, host),
    ...xenbusSettings(definition),
    ...diskSettings(definition),
    ...inputSettings(definition),
    ...usbSettings(definition),
    ...channelSettings(definition),
    ...some(
      "device_model_args",
      definition.xenCommandline?.args.map(({ value }) => value),
    ),
  ];
}

function osSettings(definition: DomainDefinition): readonly Pair[] {
  const { os, cpu, bootloaderArgs } = definition;
  const kernel = [
    ...some("kernel", os.kernel),
    ...some("ramdisk", os.initrd),
    ...some("cmdline", os.cmdline),
  ];
  if (!isHvm(definition)) {
    return [
      ...(os.type.kind === "xenpvh" ? [["type", "pvh"] as const] : []),
      ...some("bootloader", bootloaderOf(definition)),
      ...some(
        "bootloader_args",
        bootloaderArgs?.split(/\s+/).filter((word) => word !== ""),
      ),
      ...kernel,
    ];
  }
  return [
    ["builder", "hvm"],
    ...firmwareSettings(definition),
    ...some("acpi_firmware", os.acpi?.find(({ type }) => type === "slic")?.path),
    ...kernel,
    bootSetting(definition),
    ...some("nestedhvm", cpu?.mode === "host-passthrough" ? (isNested(cpu) ? 1 : 0) : undefined),
  ];
}

function firmwareSettings({ os }: DomainDefinition): readonly Pair[] {
  const { loader, firmwareKind } = os;
  const path = loader?.path;
  if (loader?.type === "pflash" || firmwareKind === "efi")
    return [["bios", "ovmf"], ...some("bios_path_override", path === OVMF ? undefined : path)];
  return some("firmware_override", path === HVMLOADER ? undefined : path);
}

function cpuidSettings({ cpu }: DomainDefinition): readonly Pair[] {
  if (cpu?.mode !== "host-passthrough") return [];
  const features = cpu.features.flatMap(({ name, policy }) => {
    const value = { disable: "0", forbid: "0", optional: "x", force: "1", require: "1" }[policy ?? "require"];
    // nestedhvm says that one already.
    return name === "vmx" && value === "0" ? [] : [`${CPU_FEATURES[name] ?? name}=${value}`];
  });
  return some("cpuid", features.length === 0 ? undefined : ["host", ...features].join(","));
}

function vnumaSettings({ cpu, vcpu }: DomainDefinition, host: XlHost): readonly Pair[] {
  const cells = cpu?.numa?.cells ?? [];
  if (cells.length === 0) return [];
  const isSpread = cells.length <= (host.nodes ?? cells.length);
  // Only when it is said does xl give a guest with nodes more processors than the host has.
  const most = host.nodes === undefined || vcpu.current !== undefined ? undefined : vcpu.count;
  const nodes = cells.map((cell, node) => {
    const { bytes, cpus } = cell;
    if (cpus === undefined)
      throw unsupported("a node of a guest of Xen has processors", `cpu/numa/cell[${node + 1}]`);
    const values = cells.map((_, to) => distanceOf(cell, node, to));
    return [
      `pnode=${isSpread ? node : 0}`,
      `size=${bytes >> 20n}`,
      `vcpus=${cpus}`,
      `vdistances=${values.join(",")}`,
    ];
  });
  return [...some("maxvcpus", most), ["vnuma", nodes]];
}

function xenbusSettings({ devices }: DomainDefinition): readonly Pair[] {
  return devices.controllers.flatMap((controller) =>
    controller.type === "xenbus"
      ? [
          ...some("max_event_channels", controller.maxEventChannels),
          ...some("max_grant_frames", controller.maxGrantFrames),
        ]
      : [],
  );
}

function channelSettings({ devices }: DomainDefinition): readonly Pair[] {
  const channels = devices.channels.map((channel, i) => {
    const path = `devices/channel[${i + 1}]`;
    const { type, name } = channel.target;
    if (type !== "xen")
      throw unsupported(
        `a channel of a guest of Xen is of the type xen, not ${type}`,
        `${path}/target/@type`,
      );
    if (channel.type === "pty")
      return joinFields(
        [
          ["connection", "pty"],
          ["name", name],
        ],
        path,
      );
    if (channel.type === "unix")
      return joinFields(
        [
          ["connection", "socket"],
          ["path", channel.source?.path],
          ["name", name],
        ],
        path,
      );
    throw unsupported(
      `a channel of a guest of Xen ends in pty or unix, not in ${channel.type}`,
      `${path}/@type`,
    );
  });
  return some("channel", channels);
}
