import { bigHex, cpuset, int, nonEmpty, oneOf, uuid, yesNo } from "../../schema/kinds.ts";
import {
  amountChild,
  attribute,
  attributeChild,
  child,
  marker,
  maybe,
  optional,
  textChild,
} from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo, virtioDriverChild } from "./common.ts";

/** Modules of memory that are plugged in beside the guest's own. */
export const memoryDeviceSchema = element({
  model: attribute("model", oneOf("dimm", "nvdimm", "virtio-pmem", "virtio-mem", "sgx-epc")),
  access: maybe("access", oneOf("shared", "private")),
  discard: maybe("discard", yesNo),
  ...virtioDriverChild,
  uuid: optional(textChild("uuid", uuid)),
  source: optional(
    child(
      "source",
      element({
        path: optional(textChild("path", nonEmpty)),
        alignsize: optional(amountChild("alignsize")),
        pmem: marker("pmem"),
        nodemask: optional(textChild("nodemask", cpuset)),
        pagesize: optional(amountChild("pagesize")),
      }),
    ),
  ),
  target: child(
    "target",
    element({
      dynamicMemslots: maybe("dynamicMemslots", yesNo),
      size: amountChild("size"),
      node: optional(textChild("node", int())),
      label: optional(child("label", element({ size: amountChild("size") }))),
      readonly: marker("readonly"),
      block: optional(amountChild("block")),
      requested: optional(amountChild("requested")),
      current: optional(amountChild("current")),
      base: optional(attributeChild("address", "base", bigHex(1))),
    }),
  ),
  ...deviceInfo,
});

export type MemoryDevice = ModelOf<typeof memoryDeviceSchema>;
