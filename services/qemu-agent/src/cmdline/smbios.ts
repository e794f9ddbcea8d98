import type { Sysinfo } from "@virtmesh/documents/domain/sysinfo";
import type { Options } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";

type Smbios = Extract<Sysinfo, { readonly type: "smbios" }>;

/** What the firmware tells the guest about the machine: -smbios and -fw_cfg. */
export function smbiosArguments(c: BuildContext): void {
  const { os, sysinfo } = c.definition;
  if (os.smbios === "host")
    throw unsupported("os/smbios/@mode", "the host's own tables are not handed on, use sysinfo");
  const table = sysinfo.find((info): info is Smbios => info.type === "smbios");
  if (os.smbios === "sysinfo") {
    if (table === undefined)
      throw unsupported("os/smbios/@mode", 'mode="sysinfo" needs a <sysinfo type="smbios">');
    smbios(c, table);
  }
  for (const info of sysinfo) if (info.type === "fwcfg") firmwareFiles(c, info.entries);
}

function smbios({ args }: BuildContext, table: Smbios): void {
  const add = (type: number, values: Options | undefined) => {
    if (values !== undefined) args.options("-smbios", undefined, { type, ...values });
  };
  if (table.baseBoards.length > 1)
    throw unsupported("sysinfo/baseBoard[2]", "QEMU knows one base board only");
  if (table.processors.length > 0 || table.memoryDevices.length > 0)
    throw unsupported("sysinfo", "QEMU fills in processors and memory devices by itself");
  add(0, entriesOf(table.bios));
  add(1, entriesOf(table.system));
  for (const board of table.baseBoards) add(2, entriesOf(board.entries));
  add(3, entriesOf(table.chassis));
  if (table.oemStrings !== undefined) add(11, { value: table.oemStrings });
}

function entriesOf(
  entries: readonly { readonly name: string; readonly value?: string }[] | undefined,
): Options | undefined {
  if (entries === undefined || entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(({ name, value = "" }) => [name, value]));
}

/** Files that the guest finds in the firmware's configuration. */
function firmwareFiles(
  { args }: BuildContext,
  entries: readonly { readonly name: string; readonly file?: string; readonly value?: string }[],
): void {
  for (const { name, file, value } of entries) {
    args.options("-fw_cfg", undefined, { name, ...(value === undefined ? { file } : { string: value }) });
  }
}
