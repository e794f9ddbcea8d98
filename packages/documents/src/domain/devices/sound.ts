import { int, oneOf, onOff } from "../../schema/kinds.ts";
import { attribute, attributeOnly, maybe, repeated } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { audioReference, deviceInfo, virtioDriverChild } from "./common.ts";

/** Sound cards. */
export const soundSchema = element({
  model: attribute(
    "model",
    oneOf("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "ich7", "virtio"),
  ),
  multichannel: maybe("multichannel", onOff),
  streams: maybe("streams", int(1)),
  ...virtioDriverChild,
  codecs: repeated("codec", attributeOnly("type", oneOf("duplex", "micro", "output"))),
  ...audioReference,
  ...deviceInfo,
});

export type Sound = ModelOf<typeof soundSchema>;
