import { parseDomain } from "@virtmesh/documents/domain/document";
import { type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { completeXenDomain } from "@virtmesh/documents/domain/semantics/xen";
import { xmDefinition } from "./from-xm.ts";
import { checkLosses } from "./losses.ts";
import { HVMLOADER } from "./names.ts";
import { type Pair, unsupported } from "./setting.ts";
import { cardSettings } from "./to-cards.ts";
import { portSettings } from "./to-chardev.ts";
import { pciSettings } from "./to-host-devices.ts";
import { bootSetting, isHvm, machineSettings, some } from "./to-machine.ts";
import { screenSettings } from "./to-screens.ts";
import { inputSettings, soundSettings } from "./to-small-devices.ts";
import { writeSettings } from "./write.ts";

/**
 * A file of xm, the toolstack before xl, out of a libvirt document.
 * @throws XML_*, CONFIG_UNSUPPORTED naming the place of what xm could not be told
 */
export function toXm(xml: string): string {
  const completed = completeXenDomain(parseDomain(xml));
  const text = writeSettings(xmSettings(completed));
  checkLosses(completed, xmDefinition(text), "xm");
  return text;
}

function xmSettings(definition: DomainDefinition): readonly Pair[] {
  const { devices } = definition;
  const disks = devices.disks.map((disk, i) => diskText(disk, `devices/disk[${i + 1}]`));
  return [
    ...machineSettings(definition, "xm"),
    ...screenSettings(definition, "xm"),
    ...cardSettings(definition, "xm"),
    ...pciSettings(definition, "xm"),
    ...portSettings(definition, "xm"),
    ...soundSettings(definition),
    ...osSettings(definition),
    ...some("disk", disks),
    ...inputSettings(definition),
  ];
}

function osSettings(definition: DomainDefinition): readonly Pair[] {
  const { os, bootloader, bootloaderArgs } = definition;
  // The firmware was what a guest with hardware of its own began with.
  if (isHvm(definition))
    return [["builder", "hvm"], ["kernel", os.loader?.path ?? HVMLOADER], bootSetting(definition)];
  if (os.type.kind === "xenpvh") throw unsupported("xm knew no guests of the kind xenpvh", "os/type");
  return [
    ...some("bootloader", bootloader),
    ...some("bootargs", bootloaderArgs),
    ...some("kernel", os.kernel),
    ...some("ramdisk", os.initrd),
    ...some("extra", os.cmdline),
  ];
}

/** `phy:/dev/vg/web,xvda,w`. */
function diskText(disk: Disk, path: string): string {
  const { target, driver } = disk;
  const source = sourcePath(disk);
  if (source?.includes(",") === true || target.dev.includes(","))
    throw unsupported("a comma ends the parts of a disk", `${path}/source`);
  const mode = disk.readonly === true ? "r" : disk.shareable === true ? "w!" : "w";
  const kind = disk.device === "cdrom" ? ":cdrom" : "";
  const name = driver?.name ?? (disk.type === "block" ? "phy" : "file");
  if (!["phy", "file", "tap", "tap2"].includes(name))
    throw unsupported(
      `disks of xm were served by phy, file, tap and tap2, not by ${name}`,
      `${path}/driver/@name`,
    );
  const image = name.startsWith("tap") ? `${driver?.type === "raw" ? "aio" : (driver?.type ?? "aio")}:` : "";
  return `${source === undefined ? "" : `${name}:${image}${source}`},${target.dev}${kind},${mode}`;
}
