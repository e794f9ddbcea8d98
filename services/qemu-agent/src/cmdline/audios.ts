import type { Audio } from "@virtmesh/documents/domain/devices/audio";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";

/** Id of the host's side of sound with that number. */
export function audioId(number: number): string {
  return `audio${number}`;
}

/** What a device plays through: what it names, or else the first there is. */
export function audioOf(
  { definition }: Pick<BuildContext, "definition">,
  named: number | undefined,
): string | undefined {
  const number = named ?? definition.devices.audios[0]?.id;
  return number === undefined ? undefined : audioId(number);
}

/** -audiodev. */
export function audioArguments(c: BuildContext): void {
  for (const [i, audio] of c.definition.devices.audios.entries()) {
    c.args.json("-audiodev", audiodev(audio, `devices/audio[${i + 1}]`));
  }
}

/** Names that QEMU has for what libvirt calls otherwise. */
const DRIVERS: Readonly<Record<string, string>> = { pulseaudio: "pa", file: "wav" };

function audiodev(audio: Audio, path: string): Json {
  const common = {
    id: audioId(audio.id),
    driver: DRIVERS[audio.type] ?? audio.type,
    "timer-period": audio.timerPeriod,
  };
  const ways = (own: (way: NonNullable<Way>) => Json = () => ({})) => ({
    in: audio.input === undefined ? undefined : { ...shared(audio.input), ...own(audio.input) },
    out: audio.output === undefined ? undefined : { ...shared(audio.output), ...own(audio.output) },
  });
  switch (audio.type) {
    case "none":
    case "spice":
    case "dbus":
      return { ...common, ...ways() };
    case "alsa":
      return { ...common, ...ways((way) => ({ dev: field(way, "dev") })) };
    case "coreaudio":
      return { ...common, ...ways((way) => ({ "buffer-count": field(way, "bufferCount") })) };
    case "jack":
      return {
        ...common,
        ...ways((way) => ({
          "server-name": field(way, "serverName"),
          "client-name": field(way, "clientName"),
          "connect-ports": field(way, "connectPorts"),
          "exact-name": field(way, "exactName"),
        })),
      };
    case "oss":
      return {
        ...common,
        "try-mmap": audio.tryMMap,
        exclusive: audio.exclusive,
        "dsp-policy": audio.dspPolicy,
        ...ways((way) => ({
          dev: field(way, "dev"),
          "buffer-count": field(way, "bufferCount"),
          "try-poll": field(way, "tryPoll"),
        })),
      };
    case "pulseaudio":
      return { ...common, server: audio.serverName, ...ways(streams) };
    case "pipewire":
      if (audio.runtimeDir !== undefined)
        throw unsupported(`${path}/@runtimeDir`, "the directory of PipeWire is that of the agent");
      return { ...common, ...ways(streams) };
    case "sdl":
      // Which of its own drivers SDL uses is told by its environment.
      return { ...common, ...ways((way) => ({ "buffer-count": field(way, "bufferCount") })) };
    case "file":
      return { ...common, path: audio.path, ...ways() };
  }
}

type Way = Audio["input"];

function field(way: NonNullable<Way>, name: string) {
  return (way as Readonly<Record<string, string | number | boolean | undefined>>)[name];
}

function streams(way: NonNullable<Way>): Json {
  return {
    name: field(way, "name"),
    "stream-name": field(way, "streamName"),
    latency: field(way, "latency"),
  };
}

function shared(way: NonNullable<Way>): Json {
  return {
    "mixing-engine": way.mixingEngine,
    "fixed-settings": way.fixedSettings,
    voices: way.voices,
    "buffer-length": way.bufferLength,
    frequency: way.settings?.frequency,
    channels: way.settings?.channels,
    format: way.settings?.format,
  };
}
