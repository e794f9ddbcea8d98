import { int, oneOf, onOff } from "../../schema/kinds.ts";
import { attribute, attributeChild, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo, virtioDriverChild } from "./common.ts";

/** By which the host takes back memory that the guest does not need. */
export const memballoonSchema = element({
  model: attribute("model", oneOf("virtio", "virtio-transitional", "virtio-non-transitional", "xen", "none")),
  autodeflate: maybe("autodeflate", onOff),
  freePageReporting: maybe("freePageReporting", onOff),
  stats: optional(attributeChild("stats", "period", int())),
  ...deviceInfo,
  ...virtioDriverChild,
});

export type Memballoon = ModelOf<typeof memballoonSchema>;
