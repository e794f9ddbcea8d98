import { int, nonEmpty, oneOf, yesNo } from "../../schema/kinds.ts";
import { attribute, child, maybe, optional } from "../../schema/parts.ts";
import type { Fields, ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";

const settingsSchema = element({
  frequency: maybe("frequency", int(1)),
  channels: maybe("channels", int(1)),
  format: maybe("format", oneOf("u8", "s8", "u16", "s16", "u32", "s32", "f32")),
});

/** One direction of sound, with what the kind of host side adds. */
function ways<const F extends Fields>(own: F) {
  const way = element({
    mixingEngine: maybe("mixingEngine", yesNo),
    fixedSettings: maybe("fixedSettings", yesNo),
    voices: maybe("voices", int(1)),
    bufferLength: maybe("bufferLength", int(1)),
    ...own,
    settings: optional(child("settings", settingsSchema)),
  });
  return { input: optional(child("input", way)), output: optional(child("output", way)) } as const;
}

const id = { id: attribute("id", int(1)) } as const;
const timer = { timerPeriod: maybe("timerPeriod", int(1)) } as const;
const bufferCount = { bufferCount: maybe("bufferCount", int(1)) } as const;

/** Where the sound of guests goes on the host. */
export const audioSchema = choice(
  "type",
  {
    none: { ...timer, ...ways({}) },
    alsa: { ...timer, ...ways({ dev: maybe("dev", nonEmpty) }) },
    coreaudio: { ...timer, ...ways(bufferCount) },
    jack: {
      ...timer,
      ...ways({
        serverName: maybe("serverName", nonEmpty),
        clientName: maybe("clientName", nonEmpty),
        connectPorts: maybe("connectPorts", nonEmpty),
        exactName: maybe("exactName", yesNo),
      }),
    },
    oss: {
      ...timer,
      tryMMap: maybe("tryMMap", yesNo),
      exclusive: maybe("exclusive", yesNo),
      dspPolicy: maybe("dspPolicy", int(-1)),
      ...ways({ dev: maybe("dev", nonEmpty), ...bufferCount, tryPoll: maybe("tryPoll", yesNo) }),
    },
    pulseaudio: {
      ...timer,
      serverName: maybe("serverName", nonEmpty),
      ...ways({
        name: maybe("name", nonEmpty),
        streamName: maybe("streamName", nonEmpty),
        latency: maybe("latency", int(1)),
      }),
    },
    pipewire: {
      ...timer,
      runtimeDir: maybe("runtimeDir", nonEmpty),
      ...ways({
        name: maybe("name", nonEmpty),
        streamName: maybe("streamName", nonEmpty),
        latency: maybe("latency", int(1)),
      }),
    },
    sdl: {
      ...timer,
      driver: maybe("driver", oneOf("esd", "alsa", "arts", "pulseaudio")),
      ...ways(bufferCount),
    },
    spice: { ...timer, ...ways({}) },
    dbus: { ...timer, ...ways({}) },
    file: { ...timer, path: maybe("path", nonEmpty), ...ways({}) },
  },
  { before: id },
);

export type Audio = ModelOf<typeof audioSchema>;
