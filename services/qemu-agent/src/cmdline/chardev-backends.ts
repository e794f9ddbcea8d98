import type { ChardevSource } from "@virtmesh/documents/domain/devices/chardev";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { ChardevSpec } from "./chardev-option.ts";
import type { DeviceContext } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { tlsObjects } from "./tls.ts";

/** Where the bytes of a device go on the host. */
export interface BackendOptions {
  readonly id: string;
  readonly path: string;
  /** Name of the socket in the guest's directory for a device of type unix that names none. */
  readonly socket: string;
  /** What SPICE calls the line. */
  readonly spiceName?: string;
}

/** The character device behind that of the guest. */
export function chardevBackend(
  c: DeviceContext,
  device: ChardevSource,
  options: BackendOptions,
): DeviceParts {
  const { id, path } = options;
  const one = (type: string, data: Json, objects: readonly Json[] = []): DeviceParts => {
    if (!c.capabilities.chardevs.has(type))
      throw unsupported(`${path}/@type`, `${c.capabilities.binary} has no character device of type ${type}`);
    const log =
      device.log === undefined ? {} : { logfile: device.log.file, logappend: device.log.append ?? true };
    const chardev: ChardevSpec = { id, backend: { type, data: { ...data, ...log } } };
    return { objects, chardevs: [chardev] };
  };
  const needed = (value: string | undefined) => {
    if (value === undefined)
      throw unsupported(`${path}/source/@path`, `a device of type ${device.type} needs a path`);
    return value;
  };
  switch (device.type) {
    case "null":
    case "vc":
      return one(device.type, {});
    case "stdio":
      throw unsupported(`${path}/@type`, "QEMU has no terminal here, use pty, file or unix");
    case "pty": {
      const socket = c.runtime.consoleSockets.get(id);
      return socket === undefined
        ? one("pty", {})
        : one("socket", listening({ type: "unix", data: { path: socket } }));
    }
    case "dev":
      return one(isParallel(id) ? "parallel" : "serial", { device: needed(device.source?.path) });
    case "pipe":
      return one("pipe", { device: needed(device.source?.path) });
    case "file":
      return one("file", { out: device.source.path, append: device.source.append });
    case "unix": {
      const address = {
        type: "unix",
        data: { path: device.source?.path ?? `${c.runtime.directory}/${options.socket}` },
      };
      const connects = device.source?.mode === "connect";
      return one("socket", connects ? connecting(address, device.source?.reconnect) : listening(address));
    }
    case "tcp":
      return tcp(c, device, options, one);
    case "udp": {
      const bound = device.sources.find((s) => s.mode === "bind");
      const remote = device.sources.find((s) => s.mode !== "bind");
      if (remote?.service === undefined)
        throw unsupported(`${path}/source`, "a device of type udp needs the port it sends to");
      return one("udp", {
        remote: inet(remote.host ?? "", remote.service),
        local: bound === undefined ? undefined : inet(bound.host ?? "", bound.service ?? "0"),
      });
    }
    case "spicevmc":
      return one("spicevmc", { type: options.spiceName ?? "vdagent" });
    case "spiceport":
      return one("spiceport", { fqdn: needed(device.source?.channel) });
    case "qemu-vdagent": {
      const { clipboard, mouse } = device.source ?? {};
      return one("qemu-vdagent", {
        name: "vdagent",
        clipboard: clipboard ?? false,
        mouse: mouse === undefined ? undefined : mouse === "client",
      });
    }
    case "dbus":
      return one("dbus", { name: needed(device.source?.channel) });
    case "nmdm":
      throw unsupported(`${path}/@type`, "only FreeBSD has null modem devices");
  }
}

function isParallel(id: string): boolean {
  return id.startsWith("charparallel");
}

function tcp(
  c: DeviceContext,
  { source, protocol = "raw" }: Extract<ChardevSource, { type: "tcp" }>,
  { id, path }: BackendOptions,
  one: (type: string, data: Json, objects?: readonly Json[]) => DeviceParts,
): DeviceParts {
  if (protocol === "telnets" || protocol === "tls")
    throw unsupported(
      `${path}/protocol`,
      `the protocol ${protocol} is not supported, use tls="yes" of <source>`,
    );
  const binds = source.mode === "bind";
  const address = inet(source.host ?? "127.0.0.1", source.service);
  const encrypted = source.tls ?? c.runtime.tls.chardev !== undefined;
  const objects = encrypted
    ? tlsObjects(c.runtime, "chardev", `${id}-tls`, binds ? "server" : "client", `${path}/source/@tls`)
    : [];
  const more = {
    telnet: protocol === "telnet" ? true : undefined,
    "tls-creds": encrypted ? `${id}-tls` : undefined,
  };
  return one(
    "socket",
    { ...(binds ? listening(address) : connecting(address, source.reconnect)), ...more },
    objects,
  );
}

function inet(host: string, port: string): Json {
  return { type: "inet", data: { host, port } };
}

/** QEMU listens, and does not wait for anybody. */
function listening(addr: Json): Json {
  return { addr, server: true, wait: false };
}

/** QEMU connects, at its start and as often as the definition says. */
export function connecting(
  addr: Json,
  reconnect: { readonly enabled: boolean; readonly timeout?: number } | undefined,
): Json {
  return {
    addr,
    server: false,
    reconnect: reconnect?.enabled === true ? (reconnect.timeout ?? 1) : undefined,
  };
}
