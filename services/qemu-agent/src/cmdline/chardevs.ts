import type { Channel, Chardev, Serial } from "@virtmesh/documents/domain/devices/chardev";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { deviceDriver } from "./context.ts";
import { usbId } from "./controllers.ts";
import type { ChardevKind } from "./ids.ts";
import { channelSocket, chardevDeviceId, chardevId } from "./ids.ts";

/** Serial and parallel ports, virtio consoles and channels: -chardev for the host's side, -device for the guest's. */
export function chardevArguments(c: BuildContext): void {
  const { devices } = c.definition;
  const ports = new SerialPorts(c);
  for (const [i, serial] of serialPorts(c).entries()) serialPort(c, serial, i);
  for (const [i, parallel] of devices.parallels.entries()) {
    const path = `devices/parallel[${i + 1}]`;
    backend(c, parallel, "parallel", i, path);
    const id = chardevDeviceId("parallel", i);
    c.args.json("-device", {
      driver: deviceDriver(c, "isa-parallel", path),
      chardev: chardevId("parallel", i),
      id,
      index: i,
    });
  }
  for (const [i, device] of devices.consoles.entries()) virtioConsole(c, device, i, ports);
  for (const [i, channel] of devices.channels.entries()) virtioChannel(c, channel, i, ports);
}

/** The first console is the first serial port; a document may name only the console. */
function serialPorts({ definition }: BuildContext): readonly Serial[] {
  const { serials, consoles } = definition.devices;
  const [first] = consoles;
  if (serials.length > 0 || first === undefined || (first.target?.type ?? "serial") !== "serial")
    return serials;
  return [first];
}

function serialPort(c: BuildContext, serial: Serial, i: number): void {
  const path = `devices/serial[${i + 1}]`;
  const { type = "isa-serial", port = i, model = type } = serial.target ?? {};
  const id = chardevDeviceId("serial", i);
  const common = { id, chardev: chardevId("serial", i) };
  backend(c, serial, "serial", i, path);
  const kind = type === "serial" ? "isa-serial" : type;
  if (model !== type)
    throw unsupported(`${path}/target/model`, `a ${type} port of model ${model} is not supported`);
  switch (kind) {
    case "isa-serial":
      c.args.json("-device", { driver: deviceDriver(c, "isa-serial", path), ...common, index: port });
      break;
    case "pci-serial":
      c.args.json("-device", {
        driver: deviceDriver(c, "pci-serial", path),
        ...common,
        ...c.pci.place(serial.address, path),
      });
      break;
    case "usb-serial":
      c.args.json("-device", {
        driver: deviceDriver(c, "usb-serial", path),
        ...common,
        bus: `${usbId(0)}.0`,
      });
      break;
    default:
      throw unsupported(`${path}/target/@type`, `a serial port of type ${type} is not supported`);
  }
}

function virtioConsole(c: BuildContext, device: Serial, i: number, ports: SerialPorts): void {
  const path = `devices/console[${i + 1}]`;
  const type = device.target?.type ?? "serial";
  if (type === "serial" && i === 0) return;
  if (type !== "virtio")
    throw unsupported(`${path}/target/@type`, `console ${i + 1} cannot be of type ${type}, use virtio`);
  backend(c, device, "console", i, path);
  c.args.json("-device", {
    driver: deviceDriver(c, "virtconsole", path),
    chardev: chardevId("console", i),
    id: chardevDeviceId("console", i),
    ...ports.place(device),
  });
}

function virtioChannel(c: BuildContext, channel: Channel, i: number, ports: SerialPorts): void {
  const path = `devices/channel[${i + 1}]`;
  const { type, name } = channel.target;
  if (type !== "virtio")
    throw unsupported(`${path}/target/@type`, `a channel of type ${type} is not supported`);
  backend(c, channel, "channel", i, path);
  c.args.json("-device", {
    driver: deviceDriver(c, "virtserialport", path),
    chardev: chardevId("channel", i),
    id: chardevDeviceId("channel", i),
    name,
    ...ports.place(channel),
  });
}

/** Numbers of ports on virtio-serial controllers, where 0 is the console of old guests. */
class SerialPorts {
  private readonly taken: Set<string>;

  constructor({ definition }: BuildContext) {
    const { consoles, channels } = definition.devices;
    this.taken = new Set(
      [...consoles, ...channels].flatMap(({ address }) =>
        address?.type === "virtio-serial" && address.port !== undefined
          ? [`${address.controller}.${address.port}`]
          : [],
      ),
    );
  }

  place({ address }: Chardev): Json {
    const { controller, bus, port } =
      address?.type === "virtio-serial" ? address : { controller: 0, bus: 0, port: undefined };
    return { bus: `virtio-serial${controller}.${bus}`, nr: port ?? this.next(controller) };
  }

  private next(controller: number): number {
    let port = 1;
    while (this.taken.has(`${controller}.${port}`)) port += 1;
    this.taken.add(`${controller}.${port}`);
    return port;
  }
}

/** -chardev: where the bytes go on the host. */
function backend(c: BuildContext, device: Chardev, kind: ChardevKind, i: number, path: string): void {
  const { args, runtime } = c;
  const id = chardevId(kind, i);
  const log =
    device.log === undefined ? {} : { logfile: device.log.file, logappend: device.log.append ?? true };
  switch (device.type) {
    case "pty": {
      const socket = runtime.consoleSockets.get(id);
      if (socket === undefined) args.options("-chardev", "pty", { id, ...log });
      else args.options("-chardev", "socket", { id, path: socket, server: true, wait: false, ...log });
      break;
    }
    case "null":
      args.options("-chardev", "null", { id, ...log });
      break;
    case "file":
      args.options("-chardev", "file", {
        id,
        path: device.source.path,
        append: device.source.append,
        ...log,
      });
      break;
    case "dev":
    case "pipe": {
      const source = device.source?.path;
      if (source === undefined)
        throw unsupported(`${path}/source/@path`, `a device of type ${device.type} needs a path`);
      args.options("-chardev", device.type === "dev" ? "serial" : "pipe", { id, path: source, ...log });
      break;
    }
    case "unix": {
      const connects = device.source?.mode === "connect";
      const socket =
        device.source?.path ??
        (kind === "channel"
          ? channelSocket(runtime.directory, c.definition, i)
          : `${runtime.directory}/${kind}${i}.sock`);
      args.options("-chardev", "socket", {
        id,
        path: socket,
        ...direction(connects, device.source?.reconnect),
        ...log,
      });
      break;
    }
    case "tcp": {
      const { mode, host = "127.0.0.1", service, tls, reconnect } = device.source;
      if (tls === true) throw unsupported(`${path}/source/@tls`, "TLS on character devices is not supported");
      if (device.protocol === "telnets" || device.protocol === "tls") {
        throw unsupported(`${path}/protocol`, `the protocol ${device.protocol} is not supported`);
      }
      const telnet = device.protocol === "telnet" ? true : undefined;
      args.options("-chardev", "socket", {
        id,
        host,
        port: service,
        telnet,
        ...direction(mode !== "bind", reconnect),
        ...log,
      });
      break;
    }
    case "vc":
    case "stdio":
    case "spicevmc":
    case "spiceport":
    case "udp":
    case "nmdm":
    case "dbus":
    case "qemu-vdagent":
      throw unsupported(`${path}/@type`, `a character device of type ${device.type} is not supported`);
  }
}

function direction(
  connects: boolean,
  reconnect: { readonly enabled: boolean; readonly timeout?: number } | undefined,
) {
  if (!connects) return { server: true, wait: false };
  return { reconnect: reconnect?.enabled === true ? (reconnect.timeout ?? 1) : undefined };
}
