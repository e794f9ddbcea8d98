import { int, nonEmpty, oneOf, text, yesNo } from "../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  kept,
  keptAll,
  maybe,
  optional,
  ownText,
  repeated,
  textChild,
  textOnly,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

const bootDevice = element({ dev: attribute("dev", oneOf("fd", "hd", "cdrom", "network")) });

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
  firmware: kept("firmware"),
  init: optional(textChild("init", nonEmpty)),
  initArguments: repeated("initarg", textOnly(text)),
  initEnvironment: keptAll("initenv"),
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
  nvram: optional(
    child(
      "nvram",
      element({
        type: maybe("type", oneOf("file")),
        template: maybe("template", nonEmpty),
        templateFormat: maybe("templateFormat", nonEmpty),
        format: maybe("format", nonEmpty),
        source: optional(child("source", element({ file: attribute("file", nonEmpty) }))),
        path: optional(ownText(nonEmpty)),
      }),
    ),
  ),
  kernel: optional(textChild("kernel", nonEmpty)),
  initrd: optional(textChild("initrd", nonEmpty)),
  cmdline: optional(textChild("cmdline", text)),
  dtb: optional(textChild("dtb", nonEmpty)),
  acpi: kept("acpi"),
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
