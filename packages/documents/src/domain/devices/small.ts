import { int, nonEmpty, oneOf, onOff } from "../../schema/kinds.ts";
import { attribute, attributeChild, child, kept, maybe, optional, ownText } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { deviceInfo, virtioDriverChild } from "./common.ts";

const virtioModels = oneOf("virtio", "virtio-transitional", "virtio-non-transitional");

export const inputSchema = element({
  type: attribute("type", oneOf("tablet", "mouse", "keyboard", "passthrough", "evdev")),
  bus: maybe("bus", oneOf("usb", "ps2", "virtio", "xen", "parallels", "none")),
  model: maybe("model", virtioModels),
  ...virtioDriverChild,
  source: kept("source"),
  ...deviceInfo,
});

export const rngSchema = element({
  model: attribute("model", virtioModels),
  ...virtioDriverChild,
  rate: optional(
    child("rate", element({ bytes: attribute("bytes", int(1)), period: maybe("period", int(1)) })),
  ),
  backend: child("backend", choice("model", { random: { path: optional(ownText(nonEmpty)) }, builtin: {} })),
  ...deviceInfo,
});

export const memballoonSchema = element({
  model: attribute("model", oneOf("virtio", "virtio-transitional", "virtio-non-transitional", "xen", "none")),
  autodeflate: maybe("autodeflate", onOff),
  freePageReporting: maybe("freePageReporting", onOff),
  stats: optional(attributeChild("stats", "period", int())),
  ...virtioDriverChild,
  ...deviceInfo,
});

export const watchdogSchema = element({
  model: attribute("model", oneOf("i6300esb", "ib700", "diag288", "itco")),
  action: maybe("action", oneOf("reset", "shutdown", "poweroff", "pause", "dump", "none", "inject-nmi")),
  ...deviceInfo,
});

export const panicSchema = element({
  model: maybe("model", oneOf("isa", "pseries", "hyperv", "s390", "pvpanic")),
  ...deviceInfo,
});

export type Input = ModelOf<typeof inputSchema>;
export type Rng = ModelOf<typeof rngSchema>;
export type Memballoon = ModelOf<typeof memballoonSchema>;
export type Watchdog = ModelOf<typeof watchdogSchema>;
export type Panic = ModelOf<typeof panicSchema>;
