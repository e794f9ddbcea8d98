import { nonEmpty } from "../schema/kinds.ts";
import { keptAll, optional, repeated, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { channelSchema, serialSchema } from "./devices/chardev.ts";
import { controllerSchema } from "./devices/controller.ts";
import { diskSchema } from "./devices/disk.ts";
import { graphicsSchema, videoSchema } from "./devices/graphics.ts";
import { interfaceSchema } from "./devices/interface.ts";
import { inputSchema, memballoonSchema, panicSchema, rngSchema, watchdogSchema } from "./devices/small.ts";

/** `<devices>`, in the order in which libvirt writes them. */
export const devicesSchema = element({
  emulator: optional(textChild("emulator", nonEmpty)),
  disks: repeated("disk", diskSchema),
  controllers: repeated("controller", controllerSchema),
  interfaces: repeated("interface", interfaceSchema),
  serials: repeated("serial", serialSchema),
  parallels: repeated("parallel", serialSchema),
  consoles: repeated("console", serialSchema),
  channels: repeated("channel", channelSchema),
  inputs: repeated("input", inputSchema),
  graphics: repeated("graphics", graphicsSchema),
  /** Host sides of sound, which libvirt adds to every guest with graphics. */
  audios: keptAll("audio"),
  videos: repeated("video", videoSchema),
  watchdogs: repeated("watchdog", watchdogSchema),
  memballoons: repeated("memballoon", memballoonSchema),
  rngs: repeated("rng", rngSchema),
  panics: repeated("panic", panicSchema),
});

/** Each list of devices with the name of its element. */
export const DEVICE_LISTS = [
  ["disks", "disk"],
  ["controllers", "controller"],
  ["interfaces", "interface"],
  ["serials", "serial"],
  ["parallels", "parallel"],
  ["consoles", "console"],
  ["channels", "channel"],
  ["inputs", "input"],
  ["videos", "video"],
  ["watchdogs", "watchdog"],
  ["memballoons", "memballoon"],
  ["rngs", "rng"],
  ["panics", "panic"],
] as const satisfies readonly (readonly [keyof ModelOf<typeof devicesSchema>, string])[];

export type Devices = ModelOf<typeof devicesSchema>;
