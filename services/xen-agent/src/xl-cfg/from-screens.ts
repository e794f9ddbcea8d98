import type { Graphics } from "@virtmesh/documents/domain/devices/graphics";
import type { Video } from "@virtmesh/documents/domain/devices/video";
import type { Kind } from "./from-machine.ts";
import { FIRST_PORT, SCREENS } from "./names.ts";
import { type Dialect, invalid } from "./setting.ts";
import { Fields, type Settings } from "./settings.ts";

export interface Screens {
  readonly graphics: readonly Graphics[];
  readonly videos: readonly Video[];
}

/** How the guest's screen is seen, and the card behind it. @throws CONFIG_INVALID */
export function screensOf(settings: Settings, kind: Kind, dialect: Dialect): Screens {
  if (kind !== "hvm")
    return { graphics: settings.list("vfb").map((item) => framebuffer(new Fields(item, "vfb"))), videos: [] };
  const spice = settings.flag("spice") === true && dialect === "xl" ? [spiceOf(settings)] : [];
  const sdl = settings.flag("sdl") === true ? [sdlOf((key) => settings.string(key))] : [];
  // xl serves a screen by VNC unless it is told not to.
  const isVnc = settings.flag("vnc") ?? dialect === "xl";
  const vnc = isVnc ? [vncOf((key) => settings.string(key), settings.line("vnc"))] : [];
  const graphics = [...vnc, ...sdl, ...spice];
  return { graphics, videos: dialect === "xl" ? videosOf(settings, graphics.length > 0) : [] };
}

type Take = (key: string) => string | undefined;

function framebuffer(fields: Fields): Graphics {
  const type = fields.take("type") ?? "vnc";
  const take = (key: string) => fields.take(key);
  if (type !== "vnc" && type !== "sdl") throw fields.wrong(`type=${type} of vfb must be vnc or sdl`);
  const graphics = type === "sdl" ? sdlOf(take) : vncOf(take, fields.line);
  fields.end();
  return graphics;
}

function sdlOf(take: Take): Graphics {
  const display = take("display");
  const xauth = take("xauthority");
  return {
    type: "sdl",
    ...(display === undefined ? {} : { display }),
    ...(xauth === undefined ? {} : { xauth }),
  };
}

function vncOf(take: Take, line: number): Graphics {
  const autoport = (take("vncunused") ?? "1") !== "0";
  const display = take("vncdisplay") ?? "0";
  if (!/^\d{1,4}$/.test(display))
    throw invalid(line, `vncdisplay=${display} must be a number, 0 for port ${FIRST_PORT}`);
  const passwd = take("vncpasswd");
  const keymap = take("keymap");
  return {
    type: "vnc",
    port: autoport ? -1 : FIRST_PORT + Number(display),
    autoport,
    ...(passwd === undefined ? {} : { passwd }),
    ...(keymap === undefined ? {} : { keymap }),
    listens: listens(take("vnclisten")),
  };
}

function listens(address: string | undefined) {
  return [{ type: "address" as const, ...(address === undefined ? {} : { address }) }];
}

const IMAGES = ["auto_glz", "auto_lz", "quic", "glz", "lz", "off"] as const;
const STREAMS = ["filter", "all", "off"] as const;

function spiceOf(settings: Settings): Graphics {
  const port = settings.number("spiceport") ?? 0;
  const tlsPort = settings.number("spicetls_port") ?? 0;
  if (port === 0 && tlsPort === 0)
    throw invalid(
      settings.line("spice"),
      "xl chooses no port for SPICE: name one in spiceport or spicetls_port",
    );
  const passwd = settings.string("spicepasswd");
  const keymap = settings.string("keymap");
  const image = oneOf(settings, "spice_image_compression", IMAGES);
  const streaming = oneOf(settings, "spice_streaming_video", STREAMS);
  // What it passes on says whether the guest's agent is needed.
  settings.flag("spicevdagent");
  return {
    type: "spice",
    ...{ port, tlsPort, autoport: false },
    ...(settings.flag("spicedisable_ticketing") === true || passwd === undefined ? {} : { passwd }),
    ...(keymap === undefined ? {} : { keymap }),
    listens: listens(settings.string("spicehost")),
    channels: [],
    ...(image === undefined ? {} : { image }),
    ...(streaming === undefined ? {} : { streaming }),
    mouse: settings.flag("spiceagent_mouse") === true ? "client" : "server",
    clipboard: settings.flag("spice_clipboard_sharing") === true,
  };
}

function oneOf<const T extends string>(settings: Settings, key: string, all: readonly T[]): T | undefined {
  const written = settings.string(key);
  const known = all.find((name) => name === written);
  if (written !== undefined && known === undefined)
    throw invalid(settings.line(key), `${key} is ${all.join(", ")}, not "${written}"`);
  return known;
}

/** A card that nobody sees is worth a word only when it was chosen. */
function videosOf(settings: Settings, isSeen: boolean): readonly Video[] {
  const isStandard = settings.flag("stdvga") === true;
  const chosen = settings.string("vga") ?? (isStandard ? "stdvga" : undefined);
  const mib = settings.number("videoram");
  // That nothing is to be seen is said of the card as well.
  settings.flag("nographic");
  if (chosen === undefined && mib === undefined && !isSeen) return [];
  const vga = chosen ?? "cirrus";
  if (vga === "none") return [{ model: { type: "none" } }];
  const type = (Object.keys(SCREENS) as (keyof typeof SCREENS)[]).find((name) => SCREENS[name].vga === vga);
  if (type === undefined)
    throw invalid(settings.line("vga"), `vga is stdvga, cirrus, qxl or none, not "${vga}"`);
  return [{ model: { type, ...(mib === undefined ? {} : { vram: mib * 1024 }) } }];
}
