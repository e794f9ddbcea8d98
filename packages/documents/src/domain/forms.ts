import type { Chardev } from "./devices/chardev.ts";
import type { BackingStore } from "./devices/storage-source.ts";
import { DEVICE_LISTS } from "./devices.ts";
import type { DomainDefinition } from "./model.ts";
import { without } from "./without.ts";

/** Without passwords. */
export function withoutSecrets(definition: DomainDefinition): DomainDefinition {
  return {
    ...definition,
    devices: {
      ...definition.devices,
      graphics: definition.devices.graphics.map((g) => ("passwd" in g ? without(g, "passwd") : g)),
    },
  };
}

/** The part of a device that libvirt makes up at each start. Aliases of the user's begin with `ua-` and stay. */
function withoutAlias<D extends { readonly alias?: string }>(device: D): D {
  if (device.alias === undefined || device.alias.startsWith("ua-")) return device;
  return without<{ readonly alias?: string }>(device, "alias") as D;
}

/** Without what only holds while the guest runs. */
export function inactiveForm(definition: DomainDefinition): DomainDefinition {
  const { devices, seclabels } = definition;
  return {
    ...without(definition, "id"),
    seclabels: seclabels.filter((label) => !isMadeUp(label)).map((label) => without(label, "imagelabel")),
    devices: withoutAliases({
      ...devices,
      disks: devices.disks.map(inactiveDisk),
      interfaces: devices.interfaces.map(inactiveInterface),
      serials: devices.serials.map(inactiveChardev),
      parallels: devices.parallels.map(inactiveChardev),
      consoles: devices.consoles.map(inactiveChardev),
      channels: devices.channels.map((c) => inactiveChannel(inactiveChardev(c))),
      graphics: devices.graphics.map(inactiveGraphics),
    }),
  };
}

/** A label that was made up at the start, and not from one that is given. */
function isMadeUp({ type, label, baselabel }: DomainDefinition["seclabels"][number]): boolean {
  return type === "dynamic" && label !== undefined && baselabel === undefined;
}

/** Without the aliases of all devices. */
function withoutAliases(devices: Devices): Devices {
  const lists = DEVICE_LISTS.map(([list]) => [list, devices[list].map(withoutAlias)]);
  return { ...devices, ...(Object.fromEntries(lists) as Partial<Devices>) };
}

type Devices = DomainDefinition["devices"];
type Disk = Devices["disks"][number];

function inactiveDisk(disk: Disk): Disk {
  const { source, backingStore, ...rest } = without(disk, "mirror");
  return {
    ...rest,
    ...(source === undefined ? {} : { source: inactiveSource(source) }),
    ...(backingStore === undefined ? {} : { backingStore: inactiveStore(backingStore) }),
  } as Disk;
}

type Source = NonNullable<Disk["source"]>;

/** Without its number, and without the labels that the host has not put on it. */
function inactiveSource(source: Source): Source {
  const labels = source.seclabels.filter(({ labelskip }) => labelskip !== true);
  return { ...without<{ readonly index?: number }>(source, "index"), seclabels: labels };
}

function inactiveStore(store: BackingStore): BackingStore {
  if (store.type === "none") return store;
  const { backingStore, ...rest } = without(store, "index");
  return {
    ...rest,
    ...(backingStore === undefined ? {} : { backingStore: inactiveStore(backingStore) }),
  };
}

/** Names of host interfaces that libvirt and this project make up at each start. */
const GENERATED_INTERFACE = /^(vnet|macvtap|macvlan|vmtap)\d/;

function inactiveInterface(nic: Devices["interfaces"][number]): Devices["interfaces"][number] {
  const dev = nic.target?.dev;
  const rest = dev === undefined || GENERATED_INTERFACE.test(dev) ? without(nic, "target") : nic;
  if (rest.type !== "network") return rest;
  return { ...rest, source: without(rest.source, "portid", "bridge", "macTableManager") };
}

type PtyDevice = Extract<Chardev, { readonly type: "pty" }>;

function inactiveChardev<C extends Chardev>(device: C): C {
  return device.type === "pty" ? (without<PtyDevice>(device, "tty", "source") as C) : device;
}

function inactiveChannel(channel: Devices["channels"][number]): Devices["channels"][number] {
  return { ...channel, target: without(channel.target, "state") };
}

function inactiveGraphics(graphics: Devices["graphics"][number]): Devices["graphics"][number] {
  if (graphics.type === "vnc") return graphics.autoport === true ? { ...graphics, port: -1 } : graphics;
  if (graphics.type !== "spice" || graphics.autoport !== true) return graphics;
  return graphics.port === -1 ? graphics : without(graphics, "port", "tlsPort");
}
