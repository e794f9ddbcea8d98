import { VirtError } from "@virtmesh/core/errors";
import { atPlacesOf } from "../xml/locate.ts";
import { readXml } from "../xml/read.ts";
import { errorAt, pathOf, type XmlElement } from "../xml/tree.ts";
import { type Devices, devicesSchema } from "./devices.ts";
import type { Disk } from "./devices/disk.ts";
import type { DomainDefinition } from "./model.ts";
import { checkLogin } from "./validate/disks.ts";

/** Names of the lists that a guest's devices stand in. */
export type DeviceListName = {
  [K in keyof Devices]-?: Devices[K] extends readonly unknown[] ? K : never;
}[keyof Devices];

/** One device and the list it belongs to. */
export type OneDevice = {
  [K in DeviceListName]: { readonly list: K; readonly device: Devices[K][number] };
}[DeviceListName];

/** A device that a definition has, with its place in its list. */
export type FoundDevice = OneDevice & { readonly index: number };

/**
 * Reads a single device, as it stands under `<devices>`; places in errors are those of this document.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID
 */
export function parseDevice(xml: string): OneDevice {
  const root = readXml(xml);
  const around: XmlElement = {
    ...{ name: "devices", local: "devices", prefix: "", uri: "", attributes: [] },
    ...{ line: root.line, column: root.column, namespaces: root.namespaces, parent: undefined },
    children: [root],
  };
  const devices = devicesSchema.read(around);
  const found = allDevices(devices)[0];
  if (found?.list === "disks") atPlacesOf(root, () => checkLogin(found.device, "/disk"));
  if (found) return found;
  throw errorAt("XML_INVALID", `<${root.name}> is no device`, pathOf(root), root, "a device is needed");
}

/** Every device of a guest, in the order of the document. */
export function allDevices(devices: Devices): readonly FoundDevice[] {
  return Object.entries(devices).flatMap(([list, all]) =>
    Array.isArray(all) ? all.map((device, index) => ({ list, device, index }) as FoundDevice) : [],
  );
}

/** The definition with one device more, behind those of its list. */
export function withDevice<D extends DomainDefinition>(definition: D, { list, device }: OneDevice): D {
  return withList(definition, list, [...definition.devices[list], device]);
}

export function withoutDevice<D extends DomainDefinition>(definition: D, found: FoundDevice): D {
  const rest = [...definition.devices[found.list]].filter((_, i) => i !== found.index);
  return withList(definition, found.list, rest);
}

/** The definition with another device in that device's place. */
export function withDeviceReplaced<D extends DomainDefinition>(
  definition: D,
  found: FoundDevice,
  { list, device }: OneDevice,
): D {
  if (list !== found.list)
    throw new VirtError("INTERNAL", `a device of ${found.list} cannot become one of ${list}`);
  const all: readonly unknown[] = definition.devices[list];
  return withList(
    definition,
    list,
    all.map((each, i) => (i === found.index ? device : each)),
  );
}

/** The device as it shall be: what the new description leaves out stays as it was. */
export function deviceUpdated(found: FoundDevice, wanted: OneDevice): OneDevice {
  if (found.list === "disks" && wanted.list === "disks") {
    const { source: _, iotune: __, ...kept } = found.device;
    const target = { ...found.device.target, ...wanted.device.target };
    return { list: "disks", device: { ...kept, ...wanted.device, target } as Disk };
  }
  return { list: found.list, device: { ...found.device, ...wanted.device } } as OneDevice;
}

function withList<D extends DomainDefinition>(
  definition: D,
  list: DeviceListName,
  all: readonly unknown[],
): D {
  return { ...definition, devices: { ...definition.devices, [list]: all } };
}
