import { nonEmpty, oneOf, onOff } from "../../schema/kinds.ts";
import { attribute, child, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo, virtioDriverChild, virtioModel } from "./common.ts";

/** Keyboards and pointers, and event devices of the host that are passed on. */
export const inputSchema = element({
  type: attribute("type", oneOf("tablet", "mouse", "keyboard", "passthrough", "evdev")),
  bus: maybe("bus", oneOf("usb", "ps2", "virtio", "xen", "parallels", "none")),
  model: maybe("model", virtioModel),
  ...virtioDriverChild,
  source: optional(
    child(
      "source",
      element({
        dev: maybe("dev", nonEmpty),
        evdev: maybe("evdev", nonEmpty),
        grab: maybe("grab", oneOf("all")),
        grabToggle: maybe(
          "grabToggle",
          oneOf("ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"),
        ),
        repeat: maybe("repeat", onOff),
      }),
    ),
  ),
  ...deviceInfo,
});

export type Input = ModelOf<typeof inputSchema>;
