import type { SpiceGraphics } from "@virtmesh/documents/domain/devices/graphics";
import type { Options } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import type { SpicePlace } from "./runtime.ts";

/** -spice. */
export function spiceArguments(c: BuildContext, graphics: SpiceGraphics, index: number, path: string): void {
  const { args, capabilities, runtime } = c;
  if (!capabilities.options.has("spice"))
    throw unsupported(`${path}/@type`, `${capabilities.binary} has no SPICE, use vnc`);
  if (graphics.passwd !== undefined && runtime.sasl.has("spice"))
    throw unsupported(`${path}/@passwd`, "viewers log in by SASL here, not by a password");
  const { channels, gl } = graphics;
  const secure = channels.find((channel) => channel.mode === "secure");
  if (secure !== undefined && runtime.tls.spice === undefined)
    throw unsupported(
      `${path}/channel`,
      `the channel ${secure.name} is to be encrypted, and the agent has no certificates for spice`,
    );
  if (graphics.keymap !== undefined) args.flag("-k", graphics.keymap);
  const mode = (wanted: string) =>
    channels.filter((channel) => channel.mode === wanted).map(({ name }) => name);
  const defaults =
    graphics.defaultMode === "secure"
      ? "tls-channel"
      : graphics.defaultMode === "insecure"
        ? "plaintext-channel"
        : undefined;
  args.options("-spice", undefined, {
    ...listening(c, graphics, index),
    sasl: runtime.sasl.has("spice") ? true : undefined,
    // Without a password, which is set over QMP, nobody gets in unless none is asked for.
    "disable-ticketing": graphics.passwd === undefined && !runtime.passwords.has("spice") ? true : undefined,
    "tls-channel": [...(defaults === "tls-channel" ? ["default"] : []), ...mode("secure")],
    "plaintext-channel": [...(defaults === "plaintext-channel" ? ["default"] : []), ...mode("insecure")],
    "image-compression": graphics.image,
    "jpeg-wan-compression": graphics.jpeg,
    "zlib-glz-wan-compression": graphics.zlib,
    "playback-compression": graphics.playback,
    "streaming-video": graphics.streaming,
    "agent-mouse": graphics.mouse === undefined ? undefined : graphics.mouse === "client",
    "disable-copy-paste": graphics.clipboard === false ? true : undefined,
    "disable-agent-file-xfer": graphics.filetransfer === false ? true : undefined,
    gl: gl?.enable === true ? true : undefined,
    rendernode: gl?.enable === true ? (gl.rendernode ?? runtime.renderNode) : undefined,
    // A viewer follows the guest to another host.
    "seamless-migration": true,
  });
}

function listening({ runtime }: BuildContext, graphics: SpiceGraphics, index: number): Options {
  const [listen] = graphics.listens;
  if (listen?.type === "none") return { port: 0 };
  if (listen?.type === "socket")
    return { unix: true, addr: listen.socket ?? `${runtime.directory}/spice.sock` };
  const place = runtime.spice.get(index) ?? placeOf(graphics);
  if ("socket" in place) return { unix: true, addr: place.socket };
  const tls = place.tlsPort === undefined ? undefined : runtime.tls.spice;
  return {
    port: place.port ?? (place.tlsPort === undefined ? 0 : undefined),
    "tls-port": tls === undefined ? undefined : place.tlsPort,
    addr: place.port === undefined && place.tlsPort === undefined ? undefined : place.address,
    "x509-dir": tls?.directory,
  };
}

function placeOf(graphics: SpiceGraphics): SpicePlace {
  const [listen] = graphics.listens;
  const named = listen?.type === "address" || listen?.type === "network" ? listen.address : undefined;
  const open = (port: number | undefined) => (port === undefined || port <= 0 ? undefined : port);
  const [port, tlsPort] = [open(graphics.port), open(graphics.tlsPort)];
  return {
    address: named ?? graphics.listen ?? "127.0.0.1",
    ...(port === undefined ? {} : { port }),
    ...(tlsPort === undefined ? {} : { tlsPort }),
  };
}
