import type { Serial } from "@virtmesh/documents/domain/devices/chardev";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { isHvm } from "./to-machine.ts";
import { type Dialect, type Pair, unsupported, type Value } from "./setting.ts";

/** Serial and parallel ports, which only guests with hardware of their own have. @throws CONFIG_UNSUPPORTED */
export function portSettings(definition: DomainDefinition, dialect: Dialect): readonly Pair[] {
  if (!isHvm(definition)) return [];
  const { serials, parallels } = definition.devices;
  const [parallel] = parallels;
  if (parallel !== undefined && dialect === "xl")
    throw unsupported("a guest of xl has no parallel port", "devices/parallel");
  return [
    ["parallel", parallel === undefined ? "none" : chardev(parallel, "devices/parallel")],
    ["serial", serialsOf(serials, dialect)],
  ];
}

function serialsOf(serials: readonly Serial[], dialect: Dialect): Value {
  const ports = serials.map((serial, i) => ({
    port: serial.target?.port ?? i,
    text: chardev(serial, `devices/serial[${i + 1}]`),
  }));
  const last = Math.max(-1, ...ports.map(({ port }) => port));
  if (last > 0 && dialect === "xm")
    throw unsupported("a guest of xm has one serial port, number 0", "devices/serial");
  const texts = Array.from(
    { length: last + 1 },
    (_, n) => ports.find(({ port }) => port === n)?.text ?? "none",
  );
  return texts.length > 1 ? texts : (texts[0] ?? "none");
}

/** The host's end, in the words of QEMU. @throws CONFIG_UNSUPPORTED */
export function chardev(device: Serial, path: string): string {
  switch (device.type) {
    case "null":
    case "stdio":
    case "vc":
    case "pty":
      return device.type;
    case "file":
      return `file:${device.source.path}`;
    case "pipe":
      if (device.source?.path !== undefined) return `pipe:${device.source.path}`;
      break;
    case "dev":
      if (device.source?.path !== undefined) return device.source.path;
      break;
    case "tcp": {
      const { host = "", service, mode } = device.source;
      const protocol = device.protocol === "telnet" ? "telnet" : "tcp";
      return `${protocol}:${host}:${service}${mode === "bind" ? ",server,nowait" : ""}`;
    }
    case "udp": {
      const end = (mode: "bind" | "connect") => {
        const source = device.sources.find((s) => (s.mode ?? "connect") === mode);
        return `${source?.host ?? ""}:${source?.service ?? ""}`;
      };
      const bound = end("bind");
      return `udp:${end("connect")}${bound === ":" ? "" : `@${bound}`}`;
    }
    case "unix":
      if (device.source?.path !== undefined)
        return `unix:${device.source.path}${device.source.mode === "bind" ? ",server,nowait" : ""}`;
      break;
    default:
      throw unsupported(`a port of a guest of Xen cannot end in ${device.type}`, `${path}/@type`);
  }
  throw unsupported(`the port needs the path that its ${device.type} has on the host`, `${path}/source`);
}
