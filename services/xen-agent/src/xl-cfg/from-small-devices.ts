import type { Input } from "@virtmesh/documents/domain/devices/input";
import type { Sound } from "@virtmesh/documents/domain/devices/sound";
import { keyOf, SOUNDS } from "./names.ts";
import { invalid } from "./setting.ts";
import type { Settings } from "./settings.ts";

const INPUTS = ["mouse", "tablet", "keyboard"] as const;

/** Pointers and keyboards on USB. @throws CONFIG_INVALID */
export function inputsOf(settings: Settings): readonly Input[] {
  // Devices say that there is a bus.
  settings.flag("usb");
  return settings.list("usbdevice").map(({ text, line }) => {
    const type = INPUTS.find((name) => name === text);
    if (type === undefined) throw invalid(line, `usbdevice is ${INPUTS.join(", ")}, not "${text}"`);
    return { type, bus: "usb" };
  });
}

/** Sound cards. @throws CONFIG_INVALID */
export function soundsOf(settings: Settings): readonly Sound[] {
  return (settings.string("soundhw")?.split(",") ?? []).map((written) => {
    const model = keyOf(SOUNDS, written);
    if (model === undefined) throw invalid(settings.line("soundhw"), `soundhw has no card "${written}"`);
    return { model, codecs: [] };
  });
}
