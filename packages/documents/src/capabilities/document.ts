import { document } from "../schema/document.ts";
import { int, nonEmpty, oneOf, onOff, yesNo } from "../schema/kinds.ts";
import { attribute, child, marker, maybe, optional, ownText, repeated, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { hostSchema } from "./host.ts";

const toggle = (name: string) =>
  optional(child(name, element({ default: maybe("default", onOff), toggle: maybe("toggle", yesNo) })));

/** What runs guests of one architecture, and on which machines. */
const emulator = {
  emulator: optional(textChild("emulator", nonEmpty)),
  loader: optional(textChild("loader", nonEmpty)),
  machines: repeated(
    "machine",
    element({
      canonical: maybe("canonical", nonEmpty),
      maxCpus: maybe("maxCpus", int()),
      deprecated: maybe("deprecated", yesNo),
      name: ownText(nonEmpty),
    }),
  ),
} as const;

const guest = element({
  osType: textChild("os_type", oneOf("xen", "linux", "hvm", "exe", "uml", "xenpvh")),
  arch: child(
    "arch",
    element({
      name: attribute("name", nonEmpty),
      wordSize: textChild("wordsize", int(31, 64)),
      ...emulator,
      domains: repeated("domain", element({ type: attribute("type", nonEmpty), ...emulator })),
    }),
  ),
  features: optional(
    child(
      "features",
      element({
        pae: marker("pae"),
        nonpae: marker("nonpae"),
        ia64BigEndian: marker("ia64_be"),
        acpi: toggle("acpi"),
        apic: toggle("apic"),
        cpuSelection: marker("cpuselection"),
        deviceBoot: marker("deviceboot"),
        diskSnapshot: toggle("disksnapshot"),
        hap: toggle("hap"),
        externalSnapshot: marker("externalSnapshot"),
      }),
    ),
  ),
});

/** The `<capabilities>` document: what a host is and which guests it can run. */
export const capabilitiesSchema = element({
  host: optional(child("host", hostSchema)),
  guests: repeated("guest", guest),
});

/** A `<capabilities>` document as a value. */
export interface Capabilities extends ModelOf<typeof capabilitiesSchema> {}

const capabilitiesDocument = document("capabilities", capabilitiesSchema);

/** @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column */
export function parseCapabilities(xml: string): Capabilities {
  return capabilitiesDocument.parse(xml);
}

export function formatCapabilities(capabilities: Capabilities): string {
  return capabilitiesDocument.format(capabilities);
}
