import { int, nonEmpty, oneOf, text, yesNo } from "../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  listChild,
  maybe,
  optional,
  ownText,
  repeated,
  textChild,
  textOnly,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";
import { storageSources } from "./devices/storage-source.ts";

const bootDevice = element({ dev: attribute("dev", oneOf("fd", "hd", "cdrom", "network")) });

const firmwareSchema = element({
  features: repeated(
    "feature",
    element({
      enabled: attribute("enabled", yesNo),
      name: attribute("name", oneOf("enrolled-keys", "secure-boot")),
    }),
  ),
});

const nvramHead = {
  template: maybe("template", nonEmpty),
  templateFormat: maybe("templateFormat", nonEmpty),
  format: maybe("format", nonEmpty),
} as const;

/** Variables of UEFI: a path as text, or a source like that of a disk. */
const nvramSchema = choice(
  "type",
  {
    path: { path: optional(ownText(nonEmpty)) },
    file: { source: child("source", storageSources.file) },
    block: { source: child("source", storageSources.block) },
    network: { source: child("source", storageSources.network) },
  },
  { before: nvramHead, fallback: "path", implied: true },
);

/** How the guest starts: firmware, kernel, order of devices. */
export const osSchema = element({
  firmwareKind: maybe("firmware", oneOf("bios", "efi")),
  type: child(
    "type",
    element({
      arch: maybe("arch", nonEmpty),
      machine: maybe("machine", nonEmpty),
      kind: ownText(oneOf("hvm", "xen", "linux", "xenpvh", "exe", "uml")),
    }),
  ),
  firmware: optional(child("firmware", firmwareSchema)),
  init: optional(textChild("init", nonEmpty)),
  initArguments: repeated("initarg", textOnly(text)),
  initEnvironment: repeated(
    "initenv",
    element({ name: attribute("name", nonEmpty), value: optional(ownText(text)) }),
  ),
  initDirectory: optional(textChild("initdir", nonEmpty)),
  initUser: optional(textChild("inituser", nonEmpty)),
  initGroup: optional(textChild("initgroup", nonEmpty)),
  loader: optional(
    child(
      "loader",
      element({
        readonly: maybe("readonly", yesNo),
        secure: maybe("secure", yesNo),
        type: maybe("type", oneOf("rom", "pflash")),
        stateless: maybe("stateless", yesNo),
        format: maybe("format", nonEmpty),
        path: optional(ownText(nonEmpty)),
      }),
    ),
  ),
  nvram: optional(child("nvram", nvramSchema)),
  /** Variables of UEFI that QEMU keeps itself. */
  varstore: optional(
    child("varstore", element({ template: maybe("template", nonEmpty), path: maybe("path", nonEmpty) })),
  ),
  kernel: optional(textChild("kernel", nonEmpty)),
  initrd: optional(textChild("initrd", nonEmpty)),
  cmdline: optional(textChild("cmdline", text)),
  shim: optional(textChild("shim", nonEmpty)),
  dtb: optional(textChild("dtb", nonEmpty)),
  root: optional(textChild("root", nonEmpty)),
  /** Tables of ACPI that the guest gets besides. */
  acpi: optional(
    listChild(
      "acpi",
      "table",
      element({
        type: attribute("type", oneOf("slic", "raw", "rawset", "msdm")),
        path: optional(ownText(nonEmpty)),
      }),
    ),
  ),
  boot: repeated("boot", bootDevice),
  bootmenu: optional(
    child(
      "bootmenu",
      element({ enable: attribute("enable", yesNo), timeout: maybe("timeout", int(0, 65535)) }),
    ),
  ),
  bios: optional(
    child(
      "bios",
      element({
        useserial: maybe("useserial", yesNo),
        rebootTimeout: maybe("rebootTimeout", int(-1, 65535)),
      }),
    ),
  ),
  smbios: optional(attributeChild("smbios", "mode", oneOf("emulate", "host", "sysinfo"))),
});

export type Os = ModelOf<typeof osSchema>;

/** The file of UEFI's variables on the host. */
export function nvramPath({ nvram }: Os): string | undefined {
  if (nvram?.type === "path") return nvram.path;
  return nvram?.type === "file" ? nvram.source.file : undefined;
}
