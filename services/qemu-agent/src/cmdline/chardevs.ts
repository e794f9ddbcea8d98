import type { Channel, Chardev, Serial } from "@virtmesh/documents/domain/devices/chardev";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { serialBus, usbPlace } from "./buses.ts";
import { chardevBackend } from "./chardev-backends.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, pciPlace } from "./context.ts";
import type { ChardevKind } from "./ids.ts";
import { channelSocketName, chardevDeviceId, chardevId } from "./ids.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts, joinParts } from "./parts.ts";

/** Serial and parallel ports, virtio consoles and channels: -chardev for the host's side, -device for the guest's. */
export function chardevArguments(c: BuildContext): void {
  const { devices } = c.definition;
  for (const [i, serial] of serialPorts(c).entries()) addParts(c.args, serialParts(c, serial, i));
  for (const [i, parallel] of devices.parallels.entries()) addParts(c.args, parallelParts(c, parallel, i));
  for (const [i, channel] of devices.channels.entries()) addParts(c.args, channelParts(c, channel, i));
  for (const [i, device] of devices.consoles.entries()) addParts(c.args, consoleParts(c, device, i));
}

/** The first console is the first serial port; a document may name only the console. */
function serialPorts({ definition }: DeviceContext): readonly Serial[] {
  const { serials, consoles } = definition.devices;
  const [first] = consoles;
  if (serials.length > 0 || first === undefined || (first.target?.type ?? "serial") !== "serial")
    return serials;
  return [first];
}

/** Id of the host's side of the device that has that id. */
function hostId(id: string): string {
  return `char${id}`;
}

/** The host's side of a device of that kind. */
function backend(c: DeviceContext, device: Chardev, kind: ChardevKind, i: number): DeviceParts {
  return chardevBackend(c, device, {
    id: kind === "parallel" ? chardevId(kind, i) : hostId(idOf(device, chardevDeviceId(kind, i))),
    path: `devices/${kind}[${i + 1}]`,
    socket: `${kind}${i}.sock`,
  });
}

export function serialParts(c: DeviceContext, serial: Serial, i: number): DeviceParts {
  const path = `devices/serial[${i + 1}]`;
  const { type: given = "isa-serial", port = i } = serial.target ?? {};
  const type = given === "serial" ? "isa-serial" : given;
  const model = serial.target?.model ?? (type === "isa-debug" ? "isa-debugcon" : type);
  const id = idOf(serial, chardevDeviceId("serial", i));
  const common = { id, chardev: hostId(id) };
  const device = (name: string, place: Json): DeviceParts =>
    joinParts(backend(c, serial, "serial", i), {
      devices: [{ driver: deviceDriver(c, name, path), ...common, ...place }],
    });
  const isa = serial.address?.type === "isa" ? serial.address : undefined;
  switch (`${type}/${model}`) {
    case "isa-serial/isa-serial":
      return device(model, { index: port, iobase: isa?.iobase, irq: isa?.irq });
    case "pci-serial/pci-serial":
      return device(model, pciPlace(c, serial, path));
    case "usb-serial/usb-serial":
      return device(model, usbPlace(c, serial, path));
    case "isa-debug/isa-debugcon":
      return device(model, { iobase: isa?.iobase });
    default:
      throw unsupported(`${path}/target`, `a port of type ${type} and model ${model} is not supported`);
  }
}

export function parallelParts(c: DeviceContext, parallel: Serial, i: number): DeviceParts {
  const path = `devices/parallel[${i + 1}]`;
  return joinParts(backend(c, parallel, "parallel", i), {
    devices: [
      {
        driver: deviceDriver(c, "isa-parallel", path),
        chardev: chardevId("parallel", i),
        id: idOf(parallel, chardevDeviceId("parallel", i)),
      },
    ],
  });
}

export function consoleParts(c: DeviceContext, device: Serial, i: number): DeviceParts {
  const path = `devices/console[${i + 1}]`;
  const type = device.target?.type ?? "serial";
  if (type === "serial" && i === 0) return {};
  if (type !== "virtio")
    throw unsupported(`${path}/target/@type`, `console ${i + 1} cannot be of type ${type}, use virtio`);
  return joinParts(backend(c, device, "console", i), {
    devices: [
      {
        driver: deviceDriver(c, "virtconsole", path),
        chardev: hostId(idOf(device, chardevDeviceId("console", i))),
        id: idOf(device, chardevDeviceId("console", i)),
        ...portPlace(c, device),
      },
    ],
  });
}

export function channelParts(c: DeviceContext, channel: Channel, i: number): DeviceParts {
  const path = `devices/channel[${i + 1}]`;
  const { type, name } = channel.target;
  const id = idOf(channel, chardevDeviceId("channel", i));
  const host = chardevBackend(c, channel, {
    id: hostId(id),
    path,
    socket: channelSocketName(i),
    spiceName: "vdagent",
  });
  switch (type) {
    case "virtio":
      return joinParts(host, {
        devices: [
          {
            driver: deviceDriver(c, "virtserialport", path),
            chardev: hostId(id),
            id,
            name:
              name ??
              (channel.type === "spicevmc" || channel.type === "qemu-vdagent" ? SPICE_AGENT : undefined),
            ...portPlace(c, channel),
          },
        ],
      });
    case "guestfwd": {
      const { address = GUESTFWD_ADDRESS, port } = channel.target;
      if (port === undefined)
        throw unsupported(`${path}/target/@port`, "a channel of type guestfwd needs a port");
      const forward = { str: `tcp:${address}:${port}-chardev:${hostId(id)}` };
      return joinParts(host, { netdevs: [{ type: "user", id, guestfwd: [forward] }] });
    }
    case "xen":
      throw unsupported(`${path}/target/@type`, "a channel of type xen is not one of QEMU");
  }
}

/** By which the agent of SPICE in the guest finds its channel. */
const SPICE_AGENT = "com.redhat.spice.0";
/** Where the guest reaches QEMU's own network for what is forwarded. */
const GUESTFWD_ADDRESS = "10.0.2.1";

/** Numbers of ports on virtio-serial controllers, where 0 is the console of old guests. */
function portPlace(c: DeviceContext, device: Chardev): Json {
  const { address } = device;
  const { controller, bus, port } =
    address?.type === "virtio-serial" ? address : { controller: 0, bus: 0, port: undefined };
  return { bus: serialBus(c, controller, bus), nr: port ?? nextPort(c, device, controller) };
}

/** The lowest port that no other device names; those without one get theirs in the order of the document. */
function nextPort({ definition }: DeviceContext, device: Chardev, controller: number): number {
  const { consoles, channels } = definition.devices;
  const all: readonly Chardev[] = [
    ...channels.filter((channel) => channel.target.type === "virtio"),
    ...consoles.filter((d) => d.target?.type === "virtio"),
  ];
  const placed = all.flatMap(({ address }) =>
    address?.type === "virtio-serial" && address.controller === controller && address.port !== undefined
      ? [address.port]
      : [],
  );
  const open = all.filter(
    ({ address }) =>
      controller === (address?.type === "virtio-serial" ? address.controller : 0) &&
      (address?.type !== "virtio-serial" || address.port === undefined),
  );
  const free = Array.from({ length: all.length + 1 }, (_, n) => n + 1).filter((n) => !placed.includes(n));
  return free[open.indexOf(device)] ?? all.length + 1;
}
