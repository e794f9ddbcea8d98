import { formatDomain } from "@virtmesh/documents/domain/document";
import type { Cpu } from "@virtmesh/documents/domain/cpu";
import type { Channel } from "@virtmesh/documents/domain/devices/chardev";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { cardsOf } from "./from-cards.ts";
import { portsOf } from "./from-chardev.ts";
import { disksOf } from "./from-disks.ts";
import { pciOf, usbControllersOf, usbOf } from "./from-host-devices.ts";
import { bootOf, commandLineOf, guestOf, type Kind, kindOf, machineOf } from "./from-machine.ts";
import { screensOf } from "./from-screens.ts";
import { inputsOf, soundsOf } from "./from-small-devices.ts";
import { CPU_FEATURES, HVMLOADER, keyOf, OVMF } from "./names.ts";
import { readSettings } from "./read.ts";
import { invalid } from "./setting.ts";
import { Fields, Settings } from "./settings.ts";

/** A libvirt document out of an xl.cfg. @throws CONFIG_INVALID with the line of what cannot be said in one */
export function fromXl(text: string): string {
  return formatDomain(xlDefinition(text), { inactive: true, secure: true });
}

/** What the file means, with everything that a guest of Xen has besides. @throws CONFIG_INVALID */
export function xlDefinition(text: string): DomainDefinition {
  const settings = new Settings(readSettings(text));
  const kind = kindOf(settings);
  const emulator = settings.string("device_model_override");
  const args = settings.list("device_model_args").map(({ text: value }) => ({ value }));
  const definition = guestOf(
    kind,
    {
      ...machineOf(settings, kind, "xl"),
      ...bootloaderOf(settings, kind),
      ...cpuOf(settings, kind),
      ...(args.length === 0 ? {} : { xenCommandline: { args } }),
    },
    osOf(settings, kind),
    {
      ...(emulator === undefined ? {} : { emulator }),
      disks: disksOf(settings, kind),
      controllers: [xenbusOf(settings), ...usbControllersOf(settings)],
      interfaces: cardsOf(settings, "xl"),
      ...(kind === "hvm" ? portsOf(settings, "xl") : {}),
      channels: channelsOf(settings),
      inputs: kind === "hvm" ? inputsOf(settings) : [],
      ...screensOf(settings, kind, "xl"),
      sounds: kind === "hvm" ? soundsOf(settings) : [],
      hostdevs: [...pciOf(settings), ...usbOf(settings)],
    },
  );
  settings.end();
  return definition;
}

type Os = DomainDefinition["os"];

function osOf(settings: Settings, kind: Kind): Partial<Os> {
  const kernel = settings.string("kernel");
  const initrd = settings.string("ramdisk");
  const cmdline = commandLineOf(settings);
  const direct = {
    ...(kernel === undefined ? {} : { kernel }),
    ...(initrd === undefined ? {} : { initrd }),
    ...(cmdline === undefined ? {} : { cmdline }),
  };
  if (kind !== "hvm") return direct;
  const slic = settings.string("acpi_firmware");
  return {
    ...direct,
    loader: loaderOf(settings),
    ...(slic === undefined ? {} : { acpi: [{ type: "slic", path: slic }] }),
    boot: bootOf(settings),
  };
}

function loaderOf(settings: Settings): NonNullable<Os["loader"]> {
  const bios = settings.string("bios");
  if (bios === "ovmf")
    return { readonly: true, type: "pflash", path: settings.string("bios_path_override") ?? OVMF };
  if (bios !== undefined && bios !== "seabios")
    throw invalid(settings.line("bios"), `bios is ovmf or seabios, not "${bios}"`);
  return { type: "rom", path: settings.string("firmware_override") ?? HVMLOADER };
}

function bootloaderOf(
  settings: Settings,
  kind: Kind,
): Partial<Pick<DomainDefinition, "bootloader" | "bootloaderArgs">> {
  if (kind === "hvm") return {};
  const bootloader = settings.string("bootloader");
  const args = settings.list("bootloader_args").map(({ text }) => text);
  return {
    ...(bootloader === undefined ? {} : { bootloader }),
    ...(args.length === 0 ? {} : { bootloaderArgs: args.join(" ") }),
  };
}

function cpuOf(settings: Settings, kind: Kind): Partial<Pick<DomainDefinition, "cpu">> {
  const nested = kind === "hvm" ? settings.flag("nestedhvm") : undefined;
  const cells = cellsOf(settings);
  const features = featuresOf(settings);
  if (nested === undefined && cells.length === 0 && features.length === 0) return {};
  const isNamed = features.some(({ name }) => name === "vmx" || name === "svm");
  const vmx: Cpu["features"] = nested === false && !isNamed ? [{ name: "vmx", policy: "disable" }] : [];
  return {
    cpu: {
      ...(nested === undefined && features.length === 0 ? {} : { mode: "host-passthrough" }),
      ...{ counters: [], features: [...vmx, ...features] },
      ...(cells.length === 0 ? {} : { numa: { cells } }),
    },
  };
}

function featuresOf(settings: Settings): Cpu["features"] {
  const [host, ...flags] = settings.string("cpuid")?.split(",") ?? ["host"];
  const line = settings.line("cpuid");
  if (host !== "host")
    throw invalid(
      line,
      "cpuid must begin with host: bits of leaves have no counterpart in libvirt's documents",
    );
  return flags.map((flag) => {
    const [name = "", value = ""] = flag.split("=");
    const policy = ({ "0": "disable", "1": "force", x: "optional" } as const)[value];
    if (policy === undefined) throw invalid(line, `${flag} in cpuid must be set to 0, 1 or x`);
    return { name: keyOf(CPU_FEATURES, name) ?? name, policy };
  });
}

type Cell = NonNullable<Cpu["numa"]>["cells"][number];

function cellsOf(settings: Settings): readonly Cell[] {
  const nodes = settings.value("vnuma") ?? [];
  const line = settings.line("vnuma");
  if (typeof nodes !== "object") throw invalid(line, "vnuma must be a list of nodes");
  return nodes.map((node, id) => {
    if (typeof node !== "object") throw invalid(line, "each node of vnuma is a list");
    const part = (name: string) =>
      node
        .map(String)
        .find((text) => text.startsWith(`${name}=`))
        ?.slice(name.length + 1);
    const unknown = node.map(String).find((text) => !/^(pnode|size|vcpus|vdistances)=/.test(text));
    if (unknown !== undefined)
      throw invalid(line, `"${unknown}" of vnuma has no counterpart in libvirt's documents`);
    const [pnode, size = "", cpus] = [part("pnode"), part("size"), part("vcpus")];
    // On hosts with fewer nodes the first has them all.
    if (pnode !== undefined && Number(pnode) !== id && Number(pnode) !== 0)
      throw invalid(
        line,
        `node ${id} of vnuma is put on node ${pnode} of the host, which libvirt's documents say of none`,
      );
    if (!/^\d{1,12}$/.test(size) || cpus === undefined)
      throw invalid(line, `node ${id} of vnuma needs its size and its vcpus`);
    const values = part("vdistances")?.split(",").map(Number) ?? [];
    return {
      ...{ id, cpus, bytes: BigInt(size) << 20n, caches: [] },
      ...(values.length === 0 ? {} : { distances: values.map((value, to) => ({ id: to, value })) }),
    };
  });
}

function xenbusOf(settings: Settings): DomainDefinition["devices"]["controllers"][number] {
  const maxEventChannels = settings.number("max_event_channels");
  const maxGrantFrames = settings.number("max_grant_frames");
  return {
    ...{ type: "xenbus", index: 0 },
    ...(maxGrantFrames === undefined ? {} : { maxGrantFrames }),
    ...(maxEventChannels === undefined ? {} : { maxEventChannels }),
  };
}

function channelsOf(settings: Settings): readonly Channel[] {
  return settings.list("channel").map((item) => {
    const fields = new Fields(item, "a channel");
    const connection = fields.take("connection");
    const path = fields.take("path");
    const name = fields.take("name");
    fields.end();
    const target = { type: "xen" as const, ...(name === undefined ? {} : { name }) };
    if (connection === "pty") return { type: "pty", target };
    if (connection !== "socket" || path === undefined)
      throw fields.wrong(`a channel has connection=pty, or connection=socket with a path`);
    return { type: "unix", source: { mode: "bind", path, seclabels: [] }, target };
  });
}
