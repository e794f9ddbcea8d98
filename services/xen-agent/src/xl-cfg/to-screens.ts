import type { Graphics, SpiceGraphics, VncGraphics } from "@virtmesh/documents/domain/devices/graphics";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { joinFields } from "./fields.ts";
import { FIRST_PORT, SCREENS } from "./names.ts";
import { isHvm, some } from "./to-machine.ts";
import { type Dialect, type Pair, unsupported, type Value } from "./setting.ts";

const PATH = "devices/graphics";

/** How the guest's screen is seen, and the card behind it. @throws CONFIG_UNSUPPORTED */
export function screenSettings(definition: DomainDefinition, dialect: Dialect): readonly Pair[] {
  const { graphics } = definition.devices;
  if (!isHvm(definition)) return some("vfb", graphics.map(framebuffer));
  const [vnc, sdl, spice] = [ofType(graphics, "vnc"), ofType(graphics, "sdl"), ofType(graphics, "spice")];
  return [
    ["sdl", sdl === undefined ? 0 : 1],
    ...some("display", sdl?.display),
    ...some("xauthority", sdl?.xauth),
    // xl serves a screen by VNC unless it is told not to.
    ["vnc", vnc === undefined ? 0 : 1],
    ...(vnc === undefined ? [] : vncParts(vnc)),
    ...(spice === undefined || dialect === "xm" ? [] : spiceParts(spice)),
    ...(dialect === "xm" ? [] : videoSettings(definition)),
  ];
}

function ofType<T extends Graphics["type"]>(all: readonly Graphics[], type: T) {
  return all.find((one): one is Extract<Graphics, { readonly type: T }> => one.type === type);
}

function vncParts(graphics: VncGraphics): readonly (readonly [string, string | number])[] {
  const { port = -1, autoport = port === -1, passwd, keymap } = graphics;
  const address = addressOf(graphics);
  if (!autoport && port < FIRST_PORT)
    throw unsupported(`Xen serves VNC at the ports from ${FIRST_PORT} on, not at ${port}`, `${PATH}/@port`);
  return [
    ["vncunused", autoport ? 1 : 0],
    ...(autoport ? [] : [["vncdisplay", port - FIRST_PORT] as const]),
    ...(address === undefined ? [] : [["vnclisten", address] as const]),
    ...(passwd === undefined ? [] : [["vncpasswd", passwd] as const]),
    ...(keymap === undefined ? [] : [["keymap", keymap] as const]),
  ];
}

export function addressOf({ listens: [first], listen }: VncGraphics | SpiceGraphics): string | undefined {
  return first?.type === "address" ? (first.address ?? listen) : listen;
}

/** The screen of a guest without hardware of its own. */
function framebuffer(graphics: Graphics): string {
  switch (graphics.type) {
    case "vnc":
      return joinFields([["type", "vnc"], ...vncParts(graphics)], PATH);
    case "sdl":
      return joinFields(
        [
          ["type", "sdl"],
          ["display", graphics.display],
          ["xauthority", graphics.xauth],
        ],
        PATH,
      );
    default:
      throw unsupported(
        `the screen of a paravirtualised guest can be seen by vnc and sdl, not by ${graphics.type}`,
        `${PATH}/@type`,
      );
  }
}

function spiceParts(graphics: SpiceGraphics): readonly Pair[] {
  const { port = 0, tlsPort = 0, passwd, mouse, clipboard } = graphics;
  if (port <= 0 && tlsPort <= 0)
    throw unsupported("xl chooses no port for SPICE: name one in port or tlsPort", `${PATH}/@port`);
  const isShared = clipboard === true;
  const set: readonly (readonly [string, Value | undefined])[] = [
    ["spice", 1],
    ["spicehost", addressOf(graphics)],
    ["spiceport", Math.max(0, port)],
    ["spicetls_port", Math.max(0, tlsPort)],
    ["spicedisable_ticketing", passwd === undefined ? 1 : 0],
    ["spicepasswd", passwd],
    ["keymap", graphics.keymap],
    ["spiceagent_mouse", mouse === undefined ? undefined : mouse === "client" ? 1 : 0],
    // The guest's agent passes on both.
    ["spicevdagent", mouse === "client" || isShared ? 1 : undefined],
    ["spice_clipboard_sharing", isShared ? 1 : undefined],
    ["spice_image_compression", graphics.image],
    ["spice_streaming_video", graphics.streaming],
  ];
  return set.flatMap(([key, value]) => some(key, value));
}

function videoSettings({ devices }: DomainDefinition): readonly Pair[] {
  const [video] = devices.videos;
  const model = video?.model;
  if (model === undefined)
    return [
      ["nographic", 1],
      ["vga", "none"],
    ];
  if (model.type === "none") return [["vga", "none"]];
  if (model.type !== "cirrus" && model.type !== "vga" && model.type !== "qxl")
    throw unsupported(
      `a guest of xl has no screen of the model ${model.type}`,
      "devices/video[1]/model/@type",
    );
  const { vga, mib } = SCREENS[model.type];
  const videoram = Math.ceil((model.vram ?? mib * 1024) / 1024);
  return [
    ...(model.type === "cirrus" && devices.graphics.length > 0 ? [] : [["vga", vga] as const]),
    ...(videoram === mib ? [] : [["videoram", videoram] as const]),
  ];
}
