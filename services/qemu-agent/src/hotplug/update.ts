import { VirtError } from "@virtmesh/core/errors";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { MemoryDevice } from "@virtmesh/documents/domain/devices/memory-device";
import { describeDevice } from "@virtmesh/documents/domain/find-device";
import type { FoundDevice, OneDevice } from "@virtmesh/documents/domain/one-device";

/** What a change of a device means for a guest that runs. */
export type LiveUpdate =
  | { readonly kind: "nothing" }
  | { readonly kind: "disk"; readonly from: Disk; readonly to: Disk; readonly medium: boolean }
  | { readonly kind: "link"; readonly nic: Interface; readonly up: boolean }
  | { readonly kind: "memory"; readonly memory: MemoryDevice; readonly requestedBytes: bigint };

/**
 * What is to be done so that the device becomes what it shall be. @throws CONFIG_UNSUPPORTED naming what cannot change
 * while the guest runs
 */
export function liveUpdate(guest: string, found: FoundDevice, wanted: OneDevice): LiveUpdate {
  const refuse = (keys: readonly string[]): void => {
    const changed = differences(found.device, wanted.device).filter((key) => !keys.includes(key));
    if (changed.length === 0) return;
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `${changed.join(", ")} of ${describeDevice(found)} of guest "${guest}" cannot change while it runs; change the definition (config), or detach and attach it`,
      { resource: { type: "domain", name: guest } },
    );
  };
  if (found.list === "disks" && wanted.list === "disks") {
    const removable = found.device.device === "cdrom" || found.device.device === "floppy";
    refuse(removable ? ["type", "source", "driver", "iotune", "readonly"] : ["iotune"]);
    const changed = differences(found.device, wanted.device);
    const medium = ["type", "source", "driver"].some((key) => changed.includes(key));
    return { kind: "disk", from: found.device, to: wanted.device, medium };
  }
  if (found.list === "interfaces" && wanted.list === "interfaces") {
    refuse(["link"]);
    if (differences(found.device, wanted.device).length === 0) return { kind: "nothing" };
    return { kind: "link", nic: found.device, up: wanted.device.link !== "down" };
  }
  if (found.list === "memories" && wanted.list === "memories" && found.device.model === "virtio-mem") {
    const { requested: _, ...before } = found.device.target;
    const { requested, ...after } = wanted.device.target;
    refuse(JSON.stringify(before, text) === JSON.stringify(after, text) ? ["target"] : []);
    return requested === undefined
      ? { kind: "nothing" }
      : { kind: "memory", memory: found.device, requestedBytes: requested };
  }
  refuse([]);
  return { kind: "nothing" };
}

/** Names of what differs at the first level. */
function differences(from: object, to: object): readonly string[] {
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].filter(
    (key) => JSON.stringify(Reflect.get(from, key), text) !== JSON.stringify(Reflect.get(to, key), text),
  );
}

function text(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
