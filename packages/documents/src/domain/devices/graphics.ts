import { int, nonEmpty, oneOf, text, yesNo } from "../../schema/kinds.ts";
import { attribute, child, kept, maybe, optional, repeated } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

const listenSchema = choice("type", {
  address: { address: maybe("address", nonEmpty) },
  network: { network: maybe("network", nonEmpty), address: maybe("address", nonEmpty) },
  socket: { socket: maybe("socket", nonEmpty) },
  none: {},
});

/** The password is a secret: formats that are not `secure` leave it out. */
const password = {
  passwd: maybe("passwd", text),
  passwdValidTo: maybe("passwdValidTo", nonEmpty),
  connected: maybe("connected", oneOf("fail", "disconnect", "keep")),
} as const;

export const graphicsSchema = choice("type", {
  vnc: {
    socket: maybe("socket", nonEmpty),
    port: maybe("port", int(-1, 65535)),
    autoport: maybe("autoport", yesNo),
    websocket: maybe("websocket", int(-1, 65535)),
    websocketGenerated: maybe("websocketGenerated", yesNo),
    listen: maybe("listen", nonEmpty),
    keymap: maybe("keymap", nonEmpty),
    powerControl: maybe("powerControl", yesNo),
    wait: maybe("wait", int()),
    ...password,
    sharePolicy: maybe("sharePolicy", oneOf("allow-exclusive", "force-shared", "ignore")),
    listens: repeated("listen", listenSchema),
    audio: kept("audio"),
  },
  spice: {
    port: maybe("port", int(-1, 65535)),
    tlsPort: maybe("tlsPort", int(-1, 65535)),
    autoport: maybe("autoport", yesNo),
    listen: maybe("listen", nonEmpty),
    keymap: maybe("keymap", nonEmpty),
    defaultMode: maybe("defaultMode", oneOf("any", "secure", "insecure")),
    ...password,
    listens: repeated("listen", listenSchema),
    channels: repeated(
      "channel",
      element({
        name: attribute("name", nonEmpty),
        mode: attribute("mode", oneOf("any", "secure", "insecure")),
      }),
    ),
    image: kept("image"),
    jpeg: kept("jpeg"),
    zlib: kept("zlib"),
    playback: kept("playback"),
    streaming: kept("streaming"),
    clipboard: kept("clipboard"),
    mouse: kept("mouse"),
    filetransfer: kept("filetransfer"),
    gl: kept("gl"),
  },
});

export const videoSchema = element({
  driver: optional(
    child(
      "driver",
      element({
        name: maybe("name", oneOf("qemu", "vhostuser")),
        vgaconf: maybe("vgaconf", oneOf("io", "on", "off")),
        iommu: maybe("iommu", text),
        ats: maybe("ats", text),
        packed: maybe("packed", text),
        pagePerVq: maybe("page_per_vq", text),
      }),
    ),
  ),
  model: child(
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
      blob: maybe("blob", text),
      acceleration: optional(
        child(
          "acceleration",
          element({
            accel2d: maybe("accel2d", yesNo),
            accel3d: maybe("accel3d", yesNo),
            rendernode: maybe("rendernode", nonEmpty),
          }),
        ),
      ),
      resolution: optional(
        child("resolution", element({ x: attribute("x", int(1)), y: attribute("y", int(1)) })),
      ),
    }),
  ),
  ...deviceInfo,
});

export type Video = ModelOf<typeof videoSchema>;
export type Graphics = ModelOf<typeof graphicsSchema>;
export type VncGraphics = Extract<Graphics, { readonly type: "vnc" }>;
export type GraphicsListen = ModelOf<typeof listenSchema>;
