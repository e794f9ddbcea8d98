import { nonEmpty } from "../schema/kinds.ts";
import { child, optional, repeated, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { audioSchema } from "./devices/audio.ts";
import { channelSchema, serialSchema } from "./devices/chardev.ts";
import { controllerSchema } from "./devices/controller.ts";
import { cryptoSchema } from "./devices/crypto.ts";
import { diskSchema } from "./devices/disk.ts";
import { filesystemSchema } from "./devices/filesystem.ts";
import { graphicsSchema } from "./devices/graphics.ts";
import { hostdevSchema } from "./devices/hostdev.ts";
import { hubSchema } from "./devices/hub.ts";
import { inputSchema } from "./devices/input.ts";
import { interfaceSchema } from "./devices/interface.ts";
import { iommuSchema } from "./devices/iommu.ts";
import { leaseSchema } from "./devices/lease.ts";
import { memballoonSchema } from "./devices/memballoon.ts";
import { memoryDeviceSchema } from "./devices/memory-device.ts";
import { nvramSchema, pstoreSchema } from "./devices/nvram.ts";
import { panicSchema } from "./devices/panic.ts";
import { redirdevSchema, redirfilterSchema } from "./devices/redirdev.ts";
import { rngSchema } from "./devices/rng.ts";
import { shmemSchema } from "./devices/shmem.ts";
import { smartcardSchema } from "./devices/smartcard.ts";
import { soundSchema } from "./devices/sound.ts";
import { tpmSchema } from "./devices/tpm.ts";
import { videoSchema } from "./devices/video.ts";
import { vsockSchema } from "./devices/vsock.ts";
import { watchdogSchema } from "./devices/watchdog.ts";

/** `<devices>`, in the order in which libvirt writes them. */
export const devicesSchema = element({
  emulator: optional(textChild("emulator", nonEmpty)),
  disks: repeated("disk", diskSchema),
  controllers: repeated("controller", controllerSchema),
  leases: repeated("lease", leaseSchema),
  filesystems: repeated("filesystem", filesystemSchema),
  interfaces: repeated("interface", interfaceSchema),
  smartcards: repeated("smartcard", smartcardSchema),
  serials: repeated("serial", serialSchema),
  parallels: repeated("parallel", serialSchema),
  consoles: repeated("console", serialSchema),
  channels: repeated("channel", channelSchema),
  inputs: repeated("input", inputSchema),
  tpms: repeated("tpm", tpmSchema),
  graphics: repeated("graphics", graphicsSchema),
  sounds: repeated("sound", soundSchema),
  audios: repeated("audio", audioSchema),
  videos: repeated("video", videoSchema),
  hostdevs: repeated("hostdev", hostdevSchema),
  redirdevs: repeated("redirdev", redirdevSchema),
  redirfilter: optional(child("redirfilter", redirfilterSchema)),
  hubs: repeated("hub", hubSchema),
  watchdogs: repeated("watchdog", watchdogSchema),
  memballoons: repeated("memballoon", memballoonSchema),
  rngs: repeated("rng", rngSchema),
  nvram: optional(child("nvram", nvramSchema)),
  panics: repeated("panic", panicSchema),
  shmems: repeated("shmem", shmemSchema),
  memories: repeated("memory", memoryDeviceSchema),
  cryptos: repeated("crypto", cryptoSchema),
  iommus: repeated("iommu", iommuSchema),
  vsocks: repeated("vsock", vsockSchema),
  pstore: optional(child("pstore", pstoreSchema)),
});

export type Devices = ModelOf<typeof devicesSchema>;

export const NO_DEVICES: Devices = {
  disks: [],
  controllers: [],
  leases: [],
  filesystems: [],
  interfaces: [],
  smartcards: [],
  serials: [],
  parallels: [],
  consoles: [],
  channels: [],
  inputs: [],
  tpms: [],
  graphics: [],
  sounds: [],
  audios: [],
  videos: [],
  hostdevs: [],
  redirdevs: [],
  hubs: [],
  watchdogs: [],
  memballoons: [],
  rngs: [],
  panics: [],
  shmems: [],
  memories: [],
  cryptos: [],
  iommus: [],
  vsocks: [],
};

/** Each list of devices that have an address and an alias, with the name of its element. */
export const DEVICE_LISTS = [
  ["disks", "disk"],
  ["controllers", "controller"],
  ["filesystems", "filesystem"],
  ["interfaces", "interface"],
  ["smartcards", "smartcard"],
  ["serials", "serial"],
  ["parallels", "parallel"],
  ["consoles", "console"],
  ["channels", "channel"],
  ["inputs", "input"],
  ["tpms", "tpm"],
  ["sounds", "sound"],
  ["videos", "video"],
  ["hostdevs", "hostdev"],
  ["redirdevs", "redirdev"],
  ["hubs", "hub"],
  ["watchdogs", "watchdog"],
  ["memballoons", "memballoon"],
  ["rngs", "rng"],
  ["panics", "panic"],
  ["shmems", "shmem"],
  ["memories", "memory"],
  ["cryptos", "crypto"],
  ["iommus", "iommu"],
  ["vsocks", "vsock"],
] as const satisfies readonly (readonly [keyof Devices, string])[];
