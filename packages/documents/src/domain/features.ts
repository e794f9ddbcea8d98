import { int, nonEmpty, oneOf, onOff, text } from "../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  kept,
  marker,
  maybe,
  optional,
  ownText,
  repeated,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

/** `<vmport state="off"/>`; without the attribute it is on. */
const state = element({ state: maybe("state", onOff) });

export const featuresSchema = element({
  acpi: marker("acpi"),
  apic: optional(child("apic", element({ eoi: maybe("eoi", onOff) }))),
  pae: marker("pae"),
  hap: optional(child("hap", state)),
  viridian: marker("viridian"),
  privnet: marker("privnet"),
  hyperv: kept("hyperv"),
  kvm: kept("kvm"),
  xen: kept("xen"),
  pvspinlock: optional(child("pvspinlock", state)),
  pmu: optional(child("pmu", state)),
  vmport: optional(child("vmport", state)),
  smm: optional(child("smm", element({ state: maybe("state", onOff), tseg: kept("tseg") }))),
  gic: optional(child("gic", element({ version: maybe("version", nonEmpty) }))),
  ioapic: optional(attributeChild("ioapic", "driver", oneOf("kvm", "qemu"))),
  capabilities: kept("capabilities"),
  vmcoreinfo: optional(child("vmcoreinfo", state)),
  msrs: kept("msrs"),
  tcg: kept("tcg"),
});

const cpuModel = element({
  fallback: maybe("fallback", oneOf("allow", "forbid")),
  vendorId: maybe("vendor_id", text),
  name: optional(ownText(nonEmpty)),
});

export const cpuSchema = element({
  mode: maybe("mode", oneOf("custom", "host-model", "host-passthrough", "maximum")),
  match: maybe("match", oneOf("minimum", "exact", "strict")),
  check: maybe("check", oneOf("none", "partial", "full")),
  migratable: maybe("migratable", onOff),
  arch: kept("arch"),
  model: optional(child("model", cpuModel)),
  vendor: kept("vendor"),
  microcode: kept("microcode"),
  signature: kept("signature"),
  topology: optional(
    child(
      "topology",
      element({
        sockets: attribute("sockets", int(1)),
        dies: maybe("dies", int(1)),
        clusters: maybe("clusters", int(1)),
        cores: attribute("cores", int(1)),
        threads: attribute("threads", int(1)),
      }),
    ),
  ),
  cache: optional(
    child(
      "cache",
      element({
        level: maybe("level", int(1, 3)),
        mode: attribute("mode", oneOf("passthrough", "emulate", "disable")),
      }),
    ),
  ),
  maxphysaddr: kept("maxphysaddr"),
  features: repeated(
    "feature",
    element({
      policy: maybe("policy", oneOf("force", "require", "optional", "disable", "forbid")),
      name: attribute("name", nonEmpty),
    }),
  ),
  numa: kept("numa"),
});

export type Features = ModelOf<typeof featuresSchema>;
export type Cpu = ModelOf<typeof cpuSchema>;
