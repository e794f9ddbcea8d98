import { formatDomain } from "@virtmesh/documents/domain/document";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { cardsOf } from "./from-cards.ts";
import { portsOf } from "./from-chardev.ts";
import { busOfTarget } from "./from-disks.ts";
import { pciOf } from "./from-host-devices.ts";
import { bootOf, commandLineOf, guestOf, type Kind, kindOf, machineOf } from "./from-machine.ts";
import { screensOf } from "./from-screens.ts";
import { inputsOf, soundsOf } from "./from-small-devices.ts";
import { readSettings } from "./read.ts";
import { invalid } from "./setting.ts";
import { type Item, Settings } from "./settings.ts";

/** A libvirt document out of a file of xm. @throws CONFIG_INVALID with the line of what cannot be said in one */
export function fromXm(text: string): string {
  return formatDomain(xmDefinition(text), { inactive: true, secure: true });
}

/** What the file means, with everything that a guest of Xen has besides. @throws CONFIG_INVALID */
export function xmDefinition(text: string): DomainDefinition {
  const settings = new Settings(readSettings(text));
  const kind = kindOf(settings);
  const emulator = settings.string("device_model_override");
  const definition = guestOf(
    kind,
    { ...machineOf(settings, kind, "xm"), ...bootloaderOf(settings) },
    osOf(settings, kind),
    {
      ...(emulator === undefined ? {} : { emulator }),
      disks: settings.list("disk").map((item) => diskOf(item, kind)),
      interfaces: cardsOf(settings, "xm"),
      ...(kind === "hvm" ? portsOf(settings, "xm") : {}),
      inputs: kind === "hvm" ? inputsOf(settings) : [],
      ...screensOf(settings, kind, "xm"),
      sounds: kind === "hvm" ? soundsOf(settings) : [],
      hostdevs: pciOf(settings),
    },
  );
  settings.end();
  return definition;
}

function osOf(settings: Settings, kind: Kind): Partial<DomainDefinition["os"]> {
  const kernel = settings.string("kernel");
  if (kind === "hvm") {
    if (kernel === undefined) throw invalid(1, "kernel is missing: the firmware that the guest begins with");
    return { loader: { type: "rom", path: kernel }, boot: bootOf(settings) };
  }
  const initrd = settings.string("ramdisk");
  const cmdline = commandLineOf(settings);
  return {
    ...(kernel === undefined ? {} : { kernel }),
    ...(initrd === undefined ? {} : { initrd }),
    ...(cmdline === undefined ? {} : { cmdline }),
  };
}

function bootloaderOf(settings: Settings): Partial<Pick<DomainDefinition, "bootloader" | "bootloaderArgs">> {
  const bootloader = settings.string("bootloader");
  const bootloaderArgs = settings.string("bootargs");
  return {
    ...(bootloader === undefined ? {} : { bootloader }),
    ...(bootloaderArgs === undefined ? {} : { bootloaderArgs }),
  };
}

/** `tap:aio:/srv/web.img,hda:cdrom,r`: who serves what, under which name, and how. */
function diskOf({ text, line }: Item, kind: Kind): Disk {
  const [source = "", target = "", mode, more] = text.split(",");
  if (mode === undefined || more !== undefined)
    throw invalid(line, `the disk "${text}" is not of the form source,name,mode`);
  const [, dev = "", type = "disk"] = /^(?:ioemu:)?([a-z0-9]+)(?::(cdrom|disk))?$/.exec(target) ?? [];
  if (dev === "")
    throw invalid(line, `"${target}" in the disk "${text}" is no name of a disk such as xvda or hdc:cdrom`);
  if (!["r", "ro", "w", "w!", "!"].includes(mode))
    throw invalid(line, `the mode of the disk "${text}" is r, w or w!`);
  const [, name = "phy", image, path = ""] =
    /^(?:(phy|file|tap2?):)?(?:(?<=tap2?:)([a-z0-9]+):)?(.*)$/.exec(source) ?? [];
  if (name.startsWith("tap") && image === undefined)
    throw invalid(
      line,
      `the disk "${text}" does not say of what format its image is, as tap:aio:/srv/a.img does`,
    );
  const rest = {
    device: type as "disk" | "cdrom",
    driver: { name, ...(image === undefined ? {} : { type: image === "aio" ? "raw" : image }) },
    target: { dev, bus: busOfTarget(dev, kind) },
    ...(mode.startsWith("r") ? { readonly: true as const } : {}),
    ...(mode.endsWith("!") ? { shareable: true as const } : {}),
  };
  if (name === "phy")
    return { type: "block", ...rest, ...(path === "" ? {} : { source: { dev: path, seclabels: [] } }) };
  return { type: "file", ...rest, ...(path === "" ? {} : { source: { file: path, seclabels: [] } }) };
}
