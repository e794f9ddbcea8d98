import type { Json } from "../arguments.ts";
import { unsupported } from "../arguments.ts";

export interface StorageHost {
  readonly name?: string;
  readonly port?: number;
  readonly transport?: "tcp" | "unix" | "rdma";
  readonly socket?: string;
}

/** Ports on which a protocol is served when the document names none. */
export const PORTS = {
  nbd: 10809,
  rbd: 6789,
  sheepdog: 7000,
  gluster: 24007,
  iscsi: 3260,
  http: 80,
  https: 443,
  ftp: 21,
  ftps: 990,
  tftp: 69,
  ssh: 22,
  vxhs: 9999,
  nfs: 2049,
} as const;

/** A server as QAPI's SocketAddress: by host and port, or by socket. */
export function socketAddress(host: StorageHost, port: number, path: string): Json {
  if (host.transport === "unix" || host.socket !== undefined) {
    if (host.socket === undefined)
      throw unsupported(`${path}/@socket`, "a server on a unix socket needs its path");
    return { type: "unix", path: host.socket };
  }
  return { type: "inet", ...inetAddress(host, port, path) };
}

/** A server by host and port. */
export function inetAddress(host: StorageHost, port: number, path: string): Json {
  if (host.name === undefined) throw unsupported(`${path}/@name`, "the server has no name");
  return { host: host.name, port: String(host.port ?? port) };
}

/** `name:port`, with an IPv6 address in brackets. */
export function hostAndPort(host: StorageHost, port: number, path: string): string {
  if (host.name === undefined) throw unsupported(`${path}/@name`, "the server has no name");
  const name = host.name.includes(":") ? `[${host.name}]` : host.name;
  return `${name}:${host.port ?? port}`;
}

/** The only server that a protocol can have. */
export function onlyHost(hosts: readonly StorageHost[], protocol: string, path: string): StorageHost {
  const [first] = hosts;
  if (first === undefined || hosts.length > 1)
    throw unsupported(`${path}/host`, `${protocol} needs one server, not ${hosts.length}`);
  return first;
}
