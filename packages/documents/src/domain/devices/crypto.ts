import { int, oneOf } from "../../schema/kinds.ts";
import { attribute, child, maybe } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo, virtioDriverChild } from "./common.ts";

/** Hardware for ciphers. */
export const cryptoSchema = element({
  model: attribute("model", oneOf("virtio")),
  type: attribute("type", oneOf("qemu")),
  backend: child(
    "backend",
    element({ model: attribute("model", oneOf("builtin", "lkcf")), queues: maybe("queues", int(1)) }),
  ),
  ...deviceInfo,
  ...virtioDriverChild,
});

export type Crypto = ModelOf<typeof cryptoSchema>;
