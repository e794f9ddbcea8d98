import { int, nonEmpty, oneOf, onOff, text, yesNo } from "../schema/kinds.ts";
import { attribute, child, maybe, optional, ownText, repeated, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { numaSchema } from "./numa.ts";

const modelSchema = element({
  fallback: maybe("fallback", oneOf("allow", "forbid")),
  vendorId: maybe("vendor_id", text),
  name: optional(ownText(nonEmpty)),
});

/** What guests and hosts have in common, in libvirt's order. */
export const cpuParts = {
  model: optional(child("model", modelSchema)),
  vendor: optional(textChild("vendor", nonEmpty)),
  microcode: optional(child("microcode", element({ version: maybe("version", int()) }))),
  signature: optional(
    child(
      "signature",
      element({
        family: maybe("family", int()),
        model: maybe("model", int()),
        stepping: maybe("stepping", int()),
      }),
    ),
  ),
  counters: repeated(
    "counter",
    element({
      name: attribute("name", oneOf("tsc")),
      frequency: attribute("frequency", int()),
      scaling: maybe("scaling", yesNo),
    }),
  ),
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
  maxphysaddr: optional(
    child(
      "maxphysaddr",
      element({
        mode: attribute("mode", oneOf("passthrough", "emulate")),
        bits: maybe("bits", int(1)),
        limit: maybe("limit", int(1)),
      }),
    ),
  ),
  features: repeated(
    "feature",
    element({
      policy: maybe("policy", oneOf("force", "require", "optional", "disable", "forbid")),
      name: attribute("name", nonEmpty),
    }),
  ),
} as const;

export const cpuSchema = element({
  mode: maybe("mode", oneOf("custom", "host-model", "host-passthrough", "maximum")),
  match: maybe("match", oneOf("minimum", "exact", "strict")),
  check: maybe("check", oneOf("none", "partial", "full")),
  migratable: maybe("migratable", onOff),
  deprecatedFeatures: maybe("deprecated_features", onOff),
  arch: optional(textChild("arch", nonEmpty)),
  ...cpuParts,
  numa: optional(child("numa", numaSchema)),
});

export type Cpu = ModelOf<typeof cpuSchema>;
