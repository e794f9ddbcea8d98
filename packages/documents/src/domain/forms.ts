import type { Chardev } from "./devices/chardev.ts";
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
    seclabels: seclabels.filter((label) => label.type !== "dynamic"),
    devices: {
      ...devices,
      disks: devices.disks.map((disk) => withoutAlias(inactiveDisk(disk))),
      controllers: devices.controllers.map(withoutAlias),
      interfaces: devices.interfaces.map((nic) => withoutAlias(inactiveInterface(nic))),
      serials: devices.serials.map((c) => withoutAlias(inactiveChardev(c))),
      parallels: devices.parallels.map((c) => withoutAlias(inactiveChardev(c))),
      consoles: devices.consoles.map((c) => withoutAlias(inactiveChardev(c))),
      channels: devices.channels.map((c) => withoutAlias(inactiveChannel(inactiveChardev(c)))),
      inputs: devices.inputs.map(withoutAlias),
      graphics: devices.graphics.map(inactiveGraphics),
      videos: devices.videos.map(withoutAlias),
      watchdogs: devices.watchdogs.map(withoutAlias),
      memballoons: devices.memballoons.map(withoutAlias),
      rngs: devices.rngs.map(withoutAlias),
      panics: devices.panics.map(withoutAlias),
    },
  };
}

type Devices = DomainDefinition["devices"];
type Disk = Devices["disks"][number];

function inactiveDisk(disk: Disk): Disk {
  const rest = without(disk, "mirror");
  if (rest.source === undefined) return rest;
  return { ...rest, source: without<{ readonly index?: number }>(rest.source, "index") } as Disk;
}

/** Names of host interfaces that libvirt and this project make up at each start. */
const GENERATED_INTERFACE = /^(vnet|macvtap|macvlan|vmtap)\d/;

function inactiveInterface(nic: Devices["interfaces"][number]): Devices["interfaces"][number] {
  const dev = nic.target?.dev;
  return dev === undefined || GENERATED_INTERFACE.test(dev) ? without(nic, "target") : nic;
}

type PtyDevice = Extract<Chardev, { readonly type: "pty" }>;

function inactiveChardev<C extends Chardev>(device: C): C {
  return device.type === "pty" ? (without<PtyDevice>(device, "tty", "source") as C) : device;
}

function inactiveChannel(channel: Devices["channels"][number]): Devices["channels"][number] {
  return { ...channel, target: without(channel.target, "state") };
}

function inactiveGraphics(graphics: Devices["graphics"][number]): Devices["graphics"][number] {
  if (!("autoport" in graphics) || graphics.autoport !== true) return graphics;
  return { ...graphics, port: -1 };
}
