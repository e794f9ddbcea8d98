import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { allDevices, type FoundDevice, withDeviceReplaced } from "@virtmesh/documents/domain/one-device";
import { controllerId } from "./buses.ts";
import { chardevDeviceId, diskDeviceId, interfaceDeviceId } from "./ids.ts";
import { memoryDeviceId } from "./memory-devices.ts";

/** Lists whose devices have ids by their place, with the word that the ids begin with. */
const COUNTED: Readonly<Partial<Record<FoundDevice["list"], string>>> = {
  filesystems: "fs",
  smartcards: "smartcard",
  inputs: "input",
  sounds: "sound",
  videos: "video",
  hostdevs: "hostdev",
  redirdevs: "redir",
  hubs: "hub",
  watchdogs: "watchdog",
  memballoons: "balloon",
  rngs: "rng",
  shmems: "shmem",
  cryptos: "crypto",
  vsocks: "vsock",
};

/** Id that the device has in QEMU when the definition gives it none; undefined for what is never looked for by it. */
function idByPlace(definition: IdentifiedDomain, found: FoundDevice, index: number): string | undefined {
  switch (found.list) {
    case "disks":
      return diskDeviceId(found.device);
    case "interfaces":
      return interfaceDeviceId(index);
    case "serials":
      return chardevDeviceId("serial", index);
    case "parallels":
      return chardevDeviceId("parallel", index);
    case "consoles":
      // One that shows a serial port is that port.
      return found.device.target?.type === "serial" ? undefined : chardevDeviceId("console", index);
    case "channels":
      return chardevDeviceId("channel", index);
    case "controllers":
      return controllerId(found.device);
    case "memories":
      return memoryId(definition, found.device);
    default: {
      const word = COUNTED[found.list];
      return word === undefined ? undefined : `${word}${index}`;
    }
  }
}

type MemoryDevice = IdentifiedDomain["devices"]["memories"][number];

/** By its slot, where it has one: the name of its memory must be the same on both hosts of a migration. */
function memoryId(definition: IdentifiedDomain, memory: MemoryDevice): string {
  const slot = memory.address?.type === "dimm" ? memory.address.slot : undefined;
  return slot === undefined ? memoryDeviceId({ definition }, memory) : `${memory.model}${slot}`;
}

/**
 * The definition with an alias for every device: its id in QEMU. What is running keeps them, so that a device is found
 * by its id whatever comes and goes before it in its list.
 */
export function withAliases(definition: IdentifiedDomain): IdentifiedDomain {
  let aliased = definition;
  for (const found of allDevices(definition.devices)) {
    if (!("alias" in found.device || canHaveAlias(found)) || aliasOf(found.device) !== undefined) continue;
    const alias = freeId(aliased, found);
    if (alias === undefined) continue;
    const device = { ...found.device, alias };
    aliased = withDeviceReplaced(aliased, found, { list: found.list, device } as FoundDevice);
  }
  return aliased;
}

/** An id that no device of the guest has: the one by its place, or that of the next place. */
function freeId(definition: IdentifiedDomain, found: FoundDevice): string | undefined {
  const taken = new Set(allDevices(definition.devices).map(({ device }) => aliasOf(device)));
  for (let index = found.index; ; index += 1) {
    const id = idByPlace(definition, found, index);
    if (id === undefined || !taken.has(id)) return id;
    if (id === idByPlace(definition, found, index + 1)) return id;
  }
}

const WITHOUT_ALIAS: ReadonlySet<FoundDevice["list"]> = new Set(["leases", "graphics", "audios"]);

function canHaveAlias({ list }: FoundDevice): boolean {
  return !WITHOUT_ALIAS.has(list);
}

function aliasOf(device: object): string | undefined {
  const alias: unknown = Reflect.get(device, "alias");
  return typeof alias === "string" ? alias : undefined;
}
