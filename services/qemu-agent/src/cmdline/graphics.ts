import type { Graphics, VncGraphics } from "@virtmesh/documents/domain/devices/graphics";
import { unsupported } from "./arguments.ts";
import { audioOf } from "./audios.ts";
import type { BuildContext } from "./context.ts";
import { refuseAll } from "./refuse.ts";
import type { VncPlace } from "./runtime.ts";
import { spiceArguments } from "./spice.ts";
import { tlsObjects } from "./tls.ts";

/** The first port of VNC; QEMU counts displays from it. */
const VNC_BASE = 5900;

/** How the screens are seen. */
export function graphicsArguments(c: BuildContext): void {
  const { graphics } = c.definition.devices;
  for (const [i, one] of graphics.entries()) {
    const path = `devices/graphics[${i + 1}]`;
    switch (one.type) {
      case "vnc":
        vnc(c, one, i, path);
        break;
      case "spice":
        spiceArguments(c, one, i, path);
        break;
      case "sdl":
        c.args.options("-display", "sdl", { gl: one.gl?.enable, "full-screen": one.fullscreen });
        break;
      case "egl-headless":
        c.args.options("-display", "egl-headless", {
          rendernode: one.gl?.rendernode ?? c.runtime.renderNode,
        });
        break;
      case "dbus":
        dbus(c, one, path);
        break;
      case "rdp":
      case "desktop":
        throw unsupported(
          `${path}/@type`,
          `graphics of type ${one.type} are not supported, use vnc or spice`,
        );
    }
  }
  if (!graphics.some(({ type }) => type === "sdl" || type === "egl-headless" || type === "dbus"))
    c.args.flag("-display", "none");
}

function dbus(c: BuildContext, graphics: Extract<Graphics, { type: "dbus" }>, path: string): void {
  if (graphics.p2p !== true && graphics.address === undefined)
    throw unsupported(`${path}/@address`, 'the address of the D-Bus is missing; give it, or p2p="yes"');
  c.args.options("-display", "dbus", {
    p2p: graphics.p2p === true ? true : undefined,
    addr: graphics.p2p === true ? undefined : graphics.address,
    gl: graphics.gl?.enable,
    rendernode: graphics.gl?.rendernode,
    audiodev: graphics.audio === undefined ? undefined : audioOf(c, graphics.audio),
  });
}

function vnc(c: BuildContext, graphics: VncGraphics, index: number, path: string): void {
  refuseAll(`${path}/@`, { wait: graphics.wait });
  const { args, runtime } = c;
  const place = runtime.vnc.get(index) ?? placeOf(c, graphics, path);
  const tls =
    runtime.tls.vnc !== undefined && (place === undefined || !("socket" in place))
      ? `vnc${index}-tls`
      : undefined;
  if (tls !== undefined)
    for (const object of tlsObjects(runtime, "vnc", tls, "server", path)) args.json("-object", object);
  const options = {
    // The password itself is set over QMP: arguments can be read by everybody on the host.
    password: graphics.passwd !== undefined || runtime.passwords.has("vnc") ? true : undefined,
    "tls-creds": tls,
    sasl: runtime.sasl.has("vnc") ? true : undefined,
    share: graphics.sharePolicy,
    "power-control": graphics.powerControl,
    audiodev: audioOf(c, graphics.audio),
  };
  if (graphics.keymap !== undefined) args.flag("-k", graphics.keymap);
  if (place === undefined) args.options("-vnc", "none", options);
  else if ("socket" in place) args.options("-vnc", undefined, { vnc: `unix:${place.socket}`, ...options });
  else {
    if (place.port < VNC_BASE)
      throw unsupported(`${path}/@port`, `VNC ports begin at ${VNC_BASE}, not at ${place.port}`);
    const host = place.address.includes(":") ? `[${place.address}]` : place.address;
    args.options("-vnc", `${host}:${place.port - VNC_BASE}`, { websocket: place.websocket, ...options });
  }
}

/** What the definition says; undefined where VNC is there and listens nowhere. */
function placeOf({ runtime }: BuildContext, graphics: VncGraphics, path: string): VncPlace | undefined {
  const [listen] = graphics.listens;
  const socket =
    listen?.type === "socket" ? (listen.socket ?? `${runtime.directory}/vnc.sock`) : graphics.socket;
  if (socket !== undefined) return { socket };
  if (listen?.type === "none") return undefined;
  const named = listen?.type === "address" || listen?.type === "network" ? listen.address : undefined;
  const address = named ?? graphics.listen ?? "127.0.0.1";
  const { port, websocket } = graphics;
  if (port === undefined || port < 0) throw unsupported(`${path}/@port`, "the agent chose no port for VNC");
  return { address, port, ...(websocket === undefined || websocket < 0 ? {} : { websocket }) };
}
