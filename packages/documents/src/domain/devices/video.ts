import { int, nonEmpty, oneOf, onOff, yesNo } from "../../schema/kinds.ts";
import { attribute, child, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo, virtioDriver } from "./common.ts";

/** Screens. */
export const videoSchema = element({
  driver: optional(
    child(
      "driver",
      element({
        ...virtioDriver,
        vgaconf: maybe("vgaconf", oneOf("io", "on", "off")),
        name: maybe("name", oneOf("qemu", "vhostuser")),
      }),
    ),
  ),
  model: optional(
    child(
      "model",
      element({
        type: attribute(
          "type",
          oneOf(
            "default",
            "vga",
            "cirrus",
            "vmvga",
            "xen",
            "vbox",
            "qxl",
            "parallels",
            "virtio",
            "gop",
            "none",
            "bochs",
            "ramfb",
          ),
        ),
        /** Sizes here are in KiB. */
        ram: maybe("ram", int()),
        vram: maybe("vram", int()),
        vram64: maybe("vram64", int()),
        vgamem: maybe("vgamem", int()),
        heads: maybe("heads", int(1)),
        primary: maybe("primary", yesNo),
        blob: maybe("blob", onOff),
        edid: maybe("edid", onOff),
        acceleration: optional(
          child(
            "acceleration",
            element({
              accel3d: maybe("accel3d", yesNo),
              accel2d: maybe("accel2d", yesNo),
              rendernode: maybe("rendernode", nonEmpty),
            }),
          ),
        ),
        resolution: optional(
          child("resolution", element({ x: attribute("x", int(1)), y: attribute("y", int(1)) })),
        ),
      }),
    ),
  ),
  ...deviceInfo,
});

export type Video = ModelOf<typeof videoSchema>;
