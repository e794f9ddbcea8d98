import { VirtError } from "@virtmesh/core/errors";
import type { DeviceReference } from "@virtmesh/core/driver/devices";
import type { DomainDefinition } from "./model.ts";
import { allDevices, type FoundDevice, type OneDevice, parseDevice } from "./one-device.ts";

/**
 * The one device of a guest that is meant. @throws DEVICE_NOT_FOUND when there is none, INVALID_FIELD when several fit,
 * and what parsing throws
 */
export function findDevice(definition: DomainDefinition, reference: DeviceReference): FoundDevice {
  const all = allDevices(definition.devices);
  switch (reference.kind) {
    case "alias": {
      const { alias } = reference;
      return theOne(
        definition,
        `device with the alias "${alias}"`,
        all.filter((d) => aliasOf(d) === alias),
      );
    }
    case "target": {
      const { target } = reference;
      return theOne(
        definition,
        `disk or network card "${target}"`,
        all.filter((d) => namesOf(d).includes(target.toLowerCase())),
      );
    }
    case "xml":
      return findLike(definition, parseDevice(reference.xml));
  }
}

/** The device that such a description means: a disk by its target, a network card by its MAC, any by all that it says. */
export function findLike(definition: DomainDefinition, wanted: OneDevice): FoundDevice {
  const alike = allDevices(definition.devices).filter(
    (found) => found.list === wanted.list && isMeant(found, wanted),
  );
  return theOne(definition, `such ${describeDevice(wanted)}`, alike);
}

/** The device that a description of it anew means. @throws DEVICE_NOT_FOUND, INVALID_FIELD */
export function findMeant(definition: DomainDefinition, wanted: OneDevice): FoundDevice {
  return findSame(definition, wanted) ?? findLike(definition, wanted);
}

/** The device that has the same identity (alias, target, MAC, address), so that the two cannot stand side by side. */
export function findSame(definition: DomainDefinition, wanted: OneDevice): FoundDevice | undefined {
  const names = [...namesOf(wanted), aliasOf(wanted)].filter((name) => name !== undefined);
  return allDevices(definition.devices).find(
    (found) =>
      (found.list === wanted.list && namesOf(found).some((name) => names.includes(name))) ||
      (aliasOf(found) !== undefined && aliasOf(found) === aliasOf(wanted)),
  );
}

/** For messages and events: `disk vdb`, `interface 52:54:00:12:34:56`, `rng rng0`. */
export function describeDevice(device: OneDevice): string {
  const [name] = namesOf(device);
  return [device.list.replace(/s$/, ""), name ?? aliasOf(device)].filter(Boolean).join(" ");
}

/** What a device is called: its alias, else the name by which it is told from its kind. */
export function deviceName(device: OneDevice): string {
  return aliasOf(device) ?? namesOf(device)[0] ?? device.list.replace(/s$/, "");
}

export function aliasOf({ device }: OneDevice): string | undefined {
  const alias: unknown = Reflect.get(device, "alias");
  return typeof alias === "string" ? alias : undefined;
}

/** Names that tell one device from another of its kind. */
function namesOf(each: OneDevice): readonly string[] {
  if (each.list === "disks") return [each.device.target.dev.toLowerCase()];
  if (each.list === "interfaces") {
    const { mac, target } = each.device;
    return [mac?.address, target?.dev].filter((name) => name !== undefined).map((n) => n.toLowerCase());
  }
  return [];
}

function isMeant(found: FoundDevice, wanted: OneDevice): boolean {
  const names = namesOf(wanted);
  if (names.length > 0) return namesOf(found).includes(names[0] ?? "");
  return says(found.device, wanted.device);
}

/** Whether all that `wanted` says is so in `found`, which may have more. */
function says(found: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(found) &&
      (wanted.length === 0 || (wanted.length === found.length && wanted.every((w, i) => says(found[i], w))))
    );
  }
  if (typeof wanted === "object" && wanted !== null) {
    if (typeof found !== "object" || found === null) return false;
    return Object.entries(wanted).every(
      ([key, value]) => value === undefined || says(Reflect.get(found, key), value),
    );
  }
  return found === wanted;
}

function theOne(definition: DomainDefinition, what: string, found: readonly FoundDevice[]): FoundDevice {
  const [first, ...more] = found;
  const resource = { type: "domain", name: definition.name };
  if (first === undefined)
    throw new VirtError("DEVICE_NOT_FOUND", `guest "${definition.name}" has no ${what}`, { resource });
  if (more.length > 0) {
    throw new VirtError(
      "INVALID_FIELD",
      `guest "${definition.name}" has ${found.length} devices that fit; say which one by its alias or address`,
      { resource },
    );
  }
  return first;
}
