import { refuse } from "../refuse.ts";
import type { DevicesDraft, DomainDraft } from "../walk.ts";

type AudioDraft = DevicesDraft["audios"][number];

/** Whether and how guests may play on the host itself. */
export interface HostAudio {
  /** Guests seen over VNC may. */
  readonly vnc: boolean;
  /** Guests without a screen may. */
  readonly headless: boolean;
  /** The kind of `<audio>` that plays here; none when nothing does. */
  readonly type?: AudioDraft["type"];
  readonly sdlDriver?: string;
}

const SILENT: HostAudio = { vnc: false, headless: false };

/** Every guest has a host's side of sound: that of its screen, or none. */
export function addDefaultAudio({ devices }: DomainDraft, host: HostAudio = SILENT): void {
  if (devices.audios.length > 0) return;
  const type = defaultType(devices, host);
  if (type === undefined) return;
  if (type === "sdl") {
    const driver = sdlDriver(host.sdlDriver);
    devices.audios.push({ id: 1, type, ...(driver === undefined ? {} : { driver }) });
  } else {
    devices.audios.push({ id: 1, type });
  }
}

/** `host` is whatever the host plays; the last screen decides. */
function defaultType(devices: DevicesDraft, host: HostAudio): AudioDraft["type"] | undefined {
  let choice: "host" | "none" | "spice" | undefined =
    devices.graphics.length > 0 ? undefined : host.headless ? "host" : "none";
  for (const { type } of devices.graphics) {
    if (type === "vnc") choice = host.vnc ? "host" : "none";
    if (type === "spice") choice = "spice";
    if (type === "sdl") choice = "host";
  }
  return choice === "host" ? host.type : choice;
}

function sdlDriver(name: string | undefined): "esd" | "alsa" | "arts" | "pulseaudio" | undefined {
  if (name === undefined) return undefined;
  const found = (["esd", "alsa", "arts", "pulseaudio"] as const).find((known) => known === name);
  return (
    found ?? refuse("devices/audio", `SDL has no driver for sound called "${name}"`, "CONFIG_UNSUPPORTED")
  );
}
