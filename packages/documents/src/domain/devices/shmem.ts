import { int, nonEmpty, oneOf, onOff } from "../../schema/kinds.ts";
import { amountChild, attribute, attributeChild, child, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

/** Memory that several guests share. */
export const shmemSchema = element({
  name: attribute("name", nonEmpty),
  role: maybe("role", oneOf("master", "peer")),
  model: optional(attributeChild("model", "type", oneOf("ivshmem", "ivshmem-plain", "ivshmem-doorbell"))),
  size: optional(amountChild("size", { assumed: "bytes", written: "M" })),
  server: optional(child("server", element({ path: maybe("path", nonEmpty) }))),
  msi: optional(
    child(
      "msi",
      element({
        enabled: maybe("enabled", onOff),
        vectors: maybe("vectors", int()),
        ioeventfd: maybe("ioeventfd", onOff),
      }),
    ),
  ),
  ...deviceInfo,
});

export type Shmem = ModelOf<typeof shmemSchema>;
