import type { Chardev } from "./devices/chardev.ts";
import type { Graphics, GraphicsListen } from "./devices/graphics.ts";
import type { BackingStore, StorageSource } from "./devices/storage-source.ts";
import { DEVICE_LISTS } from "./devices.ts";
import type { DomainDefinition } from "./model.ts";
import { mapSources } from "./storage-sources.ts";
import { without } from "./without.ts";

/** Without passwords, and without the cookies by which a server knows whoever reads an image. */
export function withoutSecrets(definition: DomainDefinition): DomainDefinition {
  const { devices } = definition;
  const graphics = devices.graphics.map((g) => ("passwd" in g ? without(g, "passwd") : g));
  return mapSources({ ...definition, devices: { ...devices, graphics } }, (source) =>
    "cookies" in source ? without(source, "cookies") : source,
  );
}

/** The part of a device that libvirt makes up at each start. Aliases of the user's begin with `ua-` and stay. */
function withoutAlias<D extends { readonly alias?: string }>(device: D): D {
  if (device.alias === undefined || device.alias.startsWith("ua-")) return device;
  return without<{ readonly alias?: string }>(device, "alias") as D;
}

/** Without what only holds while the guest runs. */
export function inactiveForm(definition: DomainDefinition): DomainDefinition {
  const { devices, seclabels, cputune, clock } = definition;
  const form: DomainDefinition = {
    ...without(definition, "id"),
    seclabels: seclabels.filter((label) => !isMadeUp(label)).map((label) => without(label, "imagelabel")),
    ...(cputune === undefined ? {} : { cputune: inactiveTuning(cputune) }),
    ...(clock?.offset === "variable" ? { clock: without(clock, "adjustment0") } : {}),
    devices: withoutAliases({
      ...devices,
      disks: devices.disks.map(inactiveDisk),
      interfaces: devices.interfaces.map(inactiveInterface),
      serials: devices.serials.map(inactiveChardev),
      parallels: devices.parallels.map(inactiveChardev),
      consoles: devices.consoles.map(inactiveChardev),
      channels: devices.channels.map((c) => inactiveChannel(inactiveChardev(c))),
      graphics: devices.graphics.map(inactiveGraphics),
      hostdevs: devices.hostdevs.map(inactiveHostdev),
      memories: devices.memories.map((m) => ({ ...m, target: without(m.target, "current") })),
    }),
  };
  return mapSources(form, inactiveSource);
}

/** What another host is given: without what this host's own settings put there. */
export function migratableForm(definition: DomainDefinition): DomainDefinition {
  const form = inactiveForm(definition);
  const { devices } = form;
  return mapSources(
    {
      ...form,
      devices: {
        ...devices,
        graphics: devices.graphics.map(migratableGraphics),
        serials: devices.serials.map(migratableChardev),
        parallels: devices.parallels.map(migratableChardev),
        consoles: devices.consoles.map(migratableChardev),
        channels: devices.channels.map(migratableChardev),
      },
    },
    migratableSource,
  );
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
type Source = NonNullable<StorageSource>;

function inactiveDisk(disk: Disk): Disk {
  const rest = without(disk, "mirror");
  return rest.backingStore === undefined
    ? rest
    : { ...rest, backingStore: withoutNumbers(rest.backingStore) };
}

/** Images of a chain have numbers while the guest runs. */
function withoutNumbers(store: BackingStore): BackingStore {
  if (store.type === "none") return store;
  const rest = without(store, "index");
  return rest.backingStore === undefined
    ? rest
    : { ...rest, backingStore: withoutNumbers(rest.backingStore) };
}

/** Without its number and its nodes, and without the labels that the host has not put on it. */
function inactiveSource(source: Source): Source {
  const labels = source.seclabels.filter(({ labelskip }) => labelskip !== true);
  return { ...without(source, "index", "privateData"), seclabels: labels };
}

/** TLS, and who keeps reservations, as this host is set up to do it. */
function migratableSource(source: Source): Source {
  const { reservations } = source;
  const form: Source =
    reservations?.managed === true ? { ...source, reservations: without(reservations, "source") } : source;
  if (!("tlsFromConfig" in form)) return form;
  return form.tlsFromConfig === "1" ? without(form, "tls", "tlsFromConfig") : without(form, "tlsFromConfig");
}

type Tuning = NonNullable<DomainDefinition["cputune"]>;

/** Groups of the host's resources have names while the guest runs. */
function inactiveTuning(tuning: Tuning): Tuning {
  return {
    ...tuning,
    cachetunes: tuning.cachetunes.map((tune) => without(tune, "id")),
    memorytunes: tuning.memorytunes.map((tune) => without(tune, "id")),
    energytunes: tuning.energytunes.map((tune) => without(tune, "id")),
  };
}

function inactiveHostdev(hostdev: Devices["hostdevs"][number]): Devices["hostdevs"][number] {
  switch (hostdev.type) {
    case "usb":
      return { ...hostdev, source: without(hostdev.source, "missing") };
    case "pci":
      return { ...hostdev, source: without(hostdev.source, "originalStates") };
    default:
      return hostdev;
  }
}

/** Names of host interfaces that libvirt and this project make up at each start. */
const GENERATED_INTERFACE = /^(vnet|macvtap|macvlan|vmtap)\d/;

function inactiveInterface(nic: Devices["interfaces"][number]): Devices["interfaces"][number] {
  const dev = nic.target?.dev;
  const rest = dev === undefined || GENERATED_INTERFACE.test(dev) ? without(nic, "target") : nic;
  if (rest.type !== "network") return rest;
  const source = without(rest.source, "portid", "bridge", "macTableManager");
  return { ...without(rest, "actual"), source };
}

type PtyDevice = Extract<Chardev, { readonly type: "pty" }>;

function inactiveChardev<C extends Chardev>(device: C): C {
  return device.type === "pty" ? (without<PtyDevice>(device, "tty", "source") as C) : device;
}

function inactiveChannel(channel: Devices["channels"][number]): Devices["channels"][number] {
  return { ...channel, target: without(channel.target, "state") };
}

function inactiveGraphics(graphics: Graphics): Graphics {
  if (graphics.type === "vnc") {
    const websocket = graphics.websocketGenerated === true ? { websocket: -1 } : {};
    const port = graphics.autoport === true ? { port: -1 } : {};
    return { ...without(graphics, "websocketGenerated"), ...websocket, ...port };
  }
  if (graphics.type !== "spice" || graphics.autoport !== true) return graphics;
  return graphics.port === -1 ? graphics : without(graphics, "port", "tlsPort");
}

/** Where this host's own settings, or its agent, say that a screen is served. */
function migratableGraphics(graphics: Graphics): Graphics {
  if (!("listens" in graphics)) return graphics;
  const [first] = graphics.listens;
  const own = (listen: GraphicsListen) => listen.fromConfig === "1" || listen.autoGenerated === true;
  const listens = graphics.listens.filter((listen) => !own(listen));
  const form = { ...graphics, listens: listens.map((l) => without(l, "fromConfig", "autoGenerated")) };
  if (first === undefined || !own(first)) return form;
  return form.type === "vnc" ? without(form, "listen", "socket") : without(form, "listen");
}

function migratableChardev<C extends Chardev>(device: C): C {
  if (device.type !== "tcp") return device;
  const tcp: Extract<Chardev, { readonly type: "tcp" }> = device;
  const source =
    tcp.source.tlsFromConfig === "1"
      ? without(tcp.source, "tls", "tlsFromConfig")
      : without(tcp.source, "tlsFromConfig");
  return { ...device, source };
}
