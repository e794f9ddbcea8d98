import type { Image } from "@virtmesh/documents/domain/devices/storage-source";
import type { Json } from "../arguments.ts";
import { unsupported } from "../arguments.ts";
import { hostAndPort, inetAddress, onlyHost, PORTS, socketAddress } from "./servers.ts";

export type NetworkSource = NonNullable<Extract<Image, { readonly type: "network" }>["source"]>;
type Auth = NonNullable<NetworkSource["auth"]>;

/** Ids of the objects that the node refers to, where it needs them. */
export interface NetworkObjects {
  /** Password or key of whoever logs in. */
  readonly login?: string;
  readonly cookies?: string;
  readonly encryption?: string;
  readonly tls?: string;
}

/** What the driver of that protocol needs to find the bytes. */
export function networkStorage(
  source: NetworkSource,
  auth: Auth | undefined,
  objects: NetworkObjects,
  path: string,
): Json & { readonly driver: string } {
  const { protocol, name = "", hosts } = source;
  const port = PORTS[protocol];
  const one = () => onlyHost(hosts, protocol, path);
  const each = (address: typeof inetAddress) =>
    hosts.map((host, i) => address(host, port, `${path}/host[${i + 1}]`));
  switch (protocol) {
    case "nbd":
      return {
        driver: protocol,
        server: socketAddress(one(), port, `${path}/host`),
        export: source.name,
        "tls-creds": objects.tls,
        "tls-hostname": source.tlsHostname,
        "reconnect-delay": source.reconnect,
      };
    case "rbd":
      return rbd(source, auth, objects, hosts.length === 0 ? undefined : each(inetAddress), path);
    case "gluster": {
      const [volume = "", ...file] = name.replace(/^\/+/, "").split("/");
      if (file.length === 0) throw unsupported(`${path}/@name`, `"${name}" is no gluster volume and path`);
      return { driver: protocol, volume, path: file.join("/"), server: each(socketAddress), debug: 4 };
    }
    case "iscsi": {
      const [target = "", lun = "0"] = name.split("/");
      if (!/^\d+$/.test(lun)) throw unsupported(`${path}/@name`, `"${lun}" is no number of a unit`);
      return {
        driver: protocol,
        portal: hostAndPort(one(), port, `${path}/host`),
        target,
        lun: Number(lun),
        transport: hosts[0]?.transport === "rdma" ? "iser" : "tcp",
        user: auth?.username,
        "password-secret": objects.login,
        "initiator-name": source.initiator?.iqn,
      };
    }
    case "http":
    case "https":
    case "ftp":
    case "ftps":
    case "tftp":
      return {
        driver: protocol,
        url: `${protocol}://${hostAndPort(one(), port, `${path}/host`)}/${name.replace(/^\//, "")}${source.query === undefined ? "" : `?${source.query}`}`,
        username: auth?.username,
        "password-secret": objects.login,
        sslverify: source.sslVerify,
        "cookie-secret": objects.cookies,
        timeout: source.timeout,
        readahead: source.readahead,
      };
    case "ssh":
      if (
        source.identity?.keyfile !== undefined ||
        source.identity?.agentsock !== undefined ||
        source.knownHosts !== undefined
      )
        throw unsupported(`${path}/identity`, "QEMU's ssh takes its keys from the user's agent only");
      return {
        driver: protocol,
        path: name,
        server: inetAddress(one(), port, `${path}/host`),
        user: auth?.username ?? source.identity?.username,
      };
    case "nfs":
      return {
        driver: protocol,
        server: { host: one().name, type: "inet" },
        path: `/${name.replace(/^\/+/, "")}`,
        user: numeric(source.identity?.user, `${path}/identity/@user`),
        group: numeric(source.identity?.group, `${path}/identity/@group`),
      };
    case "sheepdog":
      return { driver: protocol, server: socketAddress(one(), port, `${path}/host`), vdi: name };
    case "vxhs":
      return {
        driver: protocol,
        "tls-creds": objects.tls,
        "vdisk-id": name,
        server: inetAddress(one(), port, `${path}/host`),
      };
  }
}

/** `pool/image`, or `pool/namespace/image`. */
function rbd(
  source: NetworkSource,
  auth: Auth | undefined,
  objects: NetworkObjects,
  server: readonly Json[] | undefined,
  path: string,
): Json & { readonly driver: string } {
  const parts = (source.name ?? "").split("/");
  const [pool, image] = [parts[0], parts.at(-1)];
  if (parts.length < 2 || parts.length > 3)
    throw unsupported(`${path}/@name`, `"${source.name}" is no pool and image`);
  const { encryption } = source;
  return {
    driver: "rbd",
    pool,
    namespace: parts.length === 3 ? parts[1] : undefined,
    image,
    snapshot: source.snapshot,
    conf: source.config,
    server,
    encrypt:
      encryption?.engine === "librbd"
        ? { format: encryption.format, "key-secret": objects.encryption }
        : undefined,
    user: auth?.username,
    "auth-client-required": auth === undefined ? undefined : ["cephx", "none"],
    "key-secret": objects.login,
  };
}

/** QEMU's NFS knows users by number only. */
function numeric(id: string | undefined, path: string): number | undefined {
  if (id === undefined) return undefined;
  const digits = id.replace(/^\+/, "");
  if (!/^\d+$/.test(digits)) throw unsupported(path, `QEMU needs the number of "${id}", as +1000`);
  return Number(digits);
}
