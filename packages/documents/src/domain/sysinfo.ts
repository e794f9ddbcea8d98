import { nonEmpty, oneOf, text } from "../schema/kinds.ts";
import { attribute, listChild, maybe, optional, ownText, repeated, textOnly } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";

function entries<const N extends string>(...names: readonly N[]) {
  return element({ name: attribute("name", oneOf(...names)), value: optional(ownText(text)) });
}

function table<const N extends string>(name: string, ...names: readonly N[]) {
  return optional(listChild(name, "entry", entries(...names)));
}

/** What the guest's firmware says about the machine. */
export const sysinfoSchema = choice("type", {
  smbios: {
    bios: table("bios", "vendor", "version", "date", "release"),
    system: table("system", "manufacturer", "product", "version", "serial", "uuid", "sku", "family"),
    baseBoards: repeated(
      "baseBoard",
      element({
        entries: repeated(
          "entry",
          entries("manufacturer", "product", "version", "serial", "asset", "location"),
        ),
      }),
    ),
    chassis: table("chassis", "manufacturer", "version", "serial", "asset", "sku"),
    processors: repeated("processor", element({ entries: repeated("entry", anyEntry()) })),
    memoryDevices: repeated("memory_device", element({ entries: repeated("entry", anyEntry()) })),
    oemStrings: optional(listChild("oemStrings", "entry", textOnly(text))),
  },
  fwcfg: {
    entries: repeated(
      "entry",
      element({
        name: attribute("name", nonEmpty),
        file: maybe("file", nonEmpty),
        value: optional(ownText(text)),
      }),
    ),
  },
});

function anyEntry() {
  return element({ name: attribute("name", nonEmpty), value: optional(ownText(text)) });
}

export type Sysinfo = ModelOf<typeof sysinfoSchema>;
