import { nvramPath } from "@virtmesh/documents/domain/os";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { hasVariables, usesFlash } from "./machine.ts";

/** Firmware, the firmware's boot menu, and a kernel started directly. */
export function firmwareArguments(c: BuildContext): void {
  const { os } = c.definition;
  if (usesFlash(c)) flash(c);
  else if (os.firmwareKind === "efi")
    throw unsupported("os/@firmware", "no UEFI firmware was found on this host");
  else if (os.loader?.path !== undefined) c.args.flag("-bios", os.loader.path);
  if (os.loader?.secure === true && c.definition.features?.smm?.state === false) {
    throw unsupported("os/loader/@secure", "secure boot needs <smm state='on'/>");
  }
  if (os.bios?.useserial === true)
    throw unsupported("os/bios/@useserial", "the firmware's own serial console is not supported");
  c.args.options("-boot", undefined, {
    menu: os.bootmenu?.enable,
    "splash-time": os.bootmenu?.timeout,
    "reboot-timeout": os.bios?.rebootTimeout,
    // Only devices that are in the order are tried.
    strict: true,
  });
  if (os.kernel === undefined) {
    if (os.initrd !== undefined || os.cmdline !== undefined)
      throw unsupported("os", "<initrd> and <cmdline> need a <kernel>");
    return;
  }
  c.args.flag("-kernel", os.kernel);
  if (os.initrd !== undefined) c.args.flag("-initrd", os.initrd);
  if (os.cmdline !== undefined) c.args.flag("-append", os.cmdline);
}

function flash(c: BuildContext): void {
  const { loader, nvram } = c.definition.os;
  const code = loader?.path ?? c.runtime.firmware?.code;
  if (code === undefined) throw unsupported("os/loader", "the firmware's path is missing");
  flashChip(c, "pflash0", code, loader?.readonly ?? true, loader?.format ?? "raw");
  if (hasVariables(c)) {
    const variables = nvramPath(c.definition.os) ?? c.runtime.firmware?.variables;
    if (variables === undefined) throw unsupported("os/nvram", "the path of the UEFI variables is missing");
    flashChip(c, "pflash1", variables, false, nvram?.format ?? "raw");
  }
  if (loader?.secure === true) {
    c.args.options("-global", undefined, { driver: "cfi.pflash01", property: "secure", value: "on" });
  }
}

function flashChip(c: BuildContext, chip: string, filename: string, readOnly: boolean, format: string): void {
  if (format !== "raw" && format !== "qcow2")
    throw unsupported("os/loader/@format", `firmware in format ${format} is not supported`);
  c.args.json("-blockdev", {
    driver: "file",
    filename,
    "node-name": `${chip}-storage`,
    "read-only": readOnly,
  });
  c.args.json("-blockdev", {
    driver: format,
    "node-name": `${chip}-format`,
    "read-only": readOnly,
    file: `${chip}-storage`,
  });
}
