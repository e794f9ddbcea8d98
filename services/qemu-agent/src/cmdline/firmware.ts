import type { Os } from "@virtmesh/documents/domain/os";
import { unsupported } from "./arguments.ts";
import type { ChainImage } from "./block/chain.ts";
import { imageNodes } from "./block/nodes.ts";
import type { BuildContext } from "./context.ts";
import { hasVariables, usesFlash } from "./machine.ts";
import { addParts } from "./parts.ts";

/** Firmware, the firmware's boot menu, and a kernel started directly. */
export function firmwareArguments(c: BuildContext): void {
  const { os } = c.definition;
  if (usesFlash(c)) flash(c);
  else if (os.firmwareKind !== undefined && os.loader?.path === undefined)
    throw unsupported("os/@firmware", "the agent chose no firmware for this guest");
  else if (os.loader?.path !== undefined) c.args.flag("-bios", os.loader.path);
  if (os.loader?.secure === true && c.definition.features?.smm?.state === false) {
    throw unsupported("os/loader/@secure", "secure boot needs <smm state='on'/>");
  }
  c.args.options("-boot", undefined, {
    menu: os.bootmenu?.enable,
    "splash-time": os.bootmenu?.timeout,
    "reboot-timeout": os.bios?.rebootTimeout,
    // Only devices that are in the order are tried.
    strict: true,
  });
  const tseg = c.definition.features?.smm?.tseg;
  if (tseg !== undefined) {
    if (c.board !== "q35") throw unsupported("features/smm/tseg", "only q35 has such memory");
    c.args.options("-global", undefined, {
      driver: "mch",
      property: "extended-tseg-mbytes",
      value: tseg / MIB,
    });
  }
  for (const [i, table] of (os.acpi ?? []).entries()) acpiTable(c, table, `os/acpi/table[${i + 1}]`);
  kernel(c);
}

const MIB = 1024n * 1024n;

function kernel({ definition, args }: BuildContext): void {
  const { os } = definition;
  if (os.kernel === undefined) {
    if (os.initrd !== undefined || os.cmdline !== undefined)
      throw unsupported("os", "<initrd> and <cmdline> need a <kernel>");
    return;
  }
  args.flag("-kernel", os.kernel);
  if (os.initrd !== undefined) args.flag("-initrd", os.initrd);
  if (os.cmdline !== undefined) args.flag("-append", os.cmdline);
}

function acpiTable({ args }: BuildContext, table: NonNullable<Os["acpi"]>[number], path: string): void {
  if (table.path === undefined) throw unsupported(path, "the table has no path");
  const signature = { slic: "SLIC", msdm: "MSDM", raw: undefined, rawset: undefined }[table.type];
  if (table.type === "rawset")
    throw unsupported(`${path}/@type`, "sets of tables are not supported, name each by itself");
  args.options("-acpitable", undefined, { sig: signature, file: table.path });
}

function flash(c: BuildContext): void {
  const { loader, nvram } = c.definition.os;
  const code = loader?.path;
  if (code === undefined) throw unsupported("os/loader", "the firmware's path is missing");
  chip(c, {
    image: { type: "file", source: { file: code, seclabels: [] } },
    path: "os/loader",
    format: loader?.format ?? "raw",
    readOnly: loader?.readonly ?? false,
    formatNode: "pflash0-format",
    storageNode: "pflash0-storage",
  });
  if (hasVariables(c)) {
    chip(c, {
      image: variables(nvram),
      path: "os/nvram",
      format: nvram?.format ?? "raw",
      readOnly: false,
      formatNode: "pflash1-format",
      storageNode: "pflash1-storage",
      ...(nvram?.type === "network" && nvram.source.auth !== undefined ? { auth: nvram.source.auth } : {}),
    });
  }
  if (loader?.secure === true) {
    c.args.options("-global", undefined, { driver: "cfi.pflash01", property: "secure", value: "on" });
  }
}

function variables(nvram: Os["nvram"]): ChainImage["image"] {
  if (nvram !== undefined && nvram.type !== "path")
    return { type: nvram.type, source: nvram.source } as ChainImage["image"];
  const file = nvram?.path;
  if (file === undefined) throw unsupported("os/nvram", "the path of the UEFI variables is missing");
  return { type: "file", source: { file, seclabels: [] } };
}

function chip(c: BuildContext, image: ChainImage): void {
  if (image.format !== "raw" && image.format !== "qcow2")
    throw unsupported(`${image.path}/@format`, `firmware in format ${image.format} is not supported`);
  addParts(c.args, imageNodes(c, image, { cdrom: false, floppy: false }, null));
}
