import { cpuParts } from "../domain/cpu.ts";
import { document } from "../schema/document.ts";
import { enumerations } from "../schema/enumeration.ts";
import { int, nonEmpty, oneOf, text, yesNo } from "../schema/kinds.ts";
import {
  amountAttribute,
  amountChild,
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

const supported = { supported: attribute("supported", yesNo) } as const;

/** Something a guest may have, and what may be said about it. */
const described = (name: string) => optional(child(name, element({ ...supported, ...enumerations })));
const simple = (name: string) => optional(child(name, element(supported)));

const cpuMode = choice("name", {
  "host-passthrough": { ...supported, ...enumerations },
  maximum: { ...supported, ...enumerations },
  /** The host's CPU as guests would get it. */
  "host-model": { ...supported, ...cpuParts },
  custom: {
    ...supported,
    models: repeated(
      "model",
      element({
        usable: attribute("usable", oneOf("yes", "no", "unknown")),
        deprecated: maybe("deprecated", yesNo),
        vendor: maybe("vendor", text),
        name: ownText(nonEmpty),
      }),
    ),
  },
});

/** The `<domainCapabilities>` document: what guests of one kind may have on a host. */
export const domainCapabilitiesSchema = element({
  path: optional(textChild("path", nonEmpty)),
  domain: textChild("domain", nonEmpty),
  machine: optional(textChild("machine", nonEmpty)),
  arch: textChild("arch", nonEmpty),
  maxVcpus: optional(attributeChild("vcpu", "max", int())),
  iothreads: simple("iothreads"),
  os: optional(
    child(
      "os",
      element({
        ...supported,
        ...enumerations,
        loader: optional(
          child(
            "loader",
            element({ ...supported, paths: repeated("value", textOnly(nonEmpty)), ...enumerations }),
          ),
        ),
      }),
    ),
  ),
  cpu: optional(listChild("cpu", "mode", cpuMode)),
  memoryBacking: described("memoryBacking"),
  devices: optional(
    child(
      "devices",
      element({
        disk: described("disk"),
        graphics: described("graphics"),
        video: described("video"),
        hostdev: described("hostdev"),
        rng: described("rng"),
        filesystem: described("filesystem"),
        tpm: described("tpm"),
        redirdev: described("redirdev"),
        channel: described("channel"),
        crypto: described("crypto"),
        interface: described("interface"),
        panic: described("panic"),
        console: described("console"),
      }),
    ),
  ),
  features: optional(
    child(
      "features",
      element({
        gic: described("gic"),
        vmcoreinfo: simple("vmcoreinfo"),
        genid: simple("genid"),
        backingStoreInput: simple("backingStoreInput"),
        backup: simple("backup"),
        asyncTeardown: simple("async-teardown"),
        s390Pv: simple("s390-pv"),
        ps2: simple("ps2"),
        tdx: simple("tdx"),
        sev: optional(
          child(
            "sev",
            element({
              ...supported,
              cBitPosition: optional(textChild("cbitpos", int())),
              reducedPhysBits: optional(textChild("reducedPhysBits", int())),
              maxGuests: optional(textChild("maxGuests", int())),
              maxEsGuests: optional(textChild("maxESGuests", int())),
              cpu0Id: optional(textChild("cpu0Id", nonEmpty)),
            }),
          ),
        ),
        sgx: optional(
          child(
            "sgx",
            element({
              ...supported,
              flexibleLaunchControl: optional(textChild("flc", yesNo)),
              sgx1: optional(textChild("sgx1", yesNo)),
              sgx2: optional(textChild("sgx2", yesNo)),
              sectionSize: optional(amountChild("section_size")),
              sections: optional(
                listChild(
                  "sections",
                  "section",
                  element({ node: attribute("node", int()), bytes: amountAttribute("size") }),
                ),
              ),
            }),
          ),
        ),
        hyperv: described("hyperv"),
        launchSecurity: described("launchSecurity"),
      }),
    ),
  ),
});

/** A `<domainCapabilities>` document as a value. */
export interface DomainCapabilities extends ModelOf<typeof domainCapabilitiesSchema> {}

const domainCapabilitiesDocument = document("domainCapabilities", domainCapabilitiesSchema);

/** @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column */
export function parseDomainCapabilities(xml: string): DomainCapabilities {
  return domainCapabilitiesDocument.parse(xml);
}

export function formatDomainCapabilities(capabilities: DomainCapabilities): string {
  return domainCapabilitiesDocument.format(capabilities);
}
