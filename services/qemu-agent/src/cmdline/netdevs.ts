import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { connecting } from "./chardev-backends.ts";
import type { DeviceContext } from "./context.ts";
import type { DeviceParts } from "./parts.ts";

/** The host's side of a network card. */
export function netdevParts(
  c: DeviceContext,
  nic: Interface,
  id: string,
  index: number,
  path: string,
): DeviceParts {
  const one = (type: string, values: Json): DeviceParts => {
    if (!c.capabilities.netdevs.has(type))
      throw unsupported(`${path}/@type`, `${c.capabilities.binary} has no network of type ${type}`);
    return { netdevs: [{ type, id, ...values }] };
  };
  const queues = nic.type === "hostdev" ? 1 : (nic.driver?.queues ?? 1);
  const several = queues > 1 ? queues : undefined;
  switch (nic.type) {
    case "user":
      return nic.backend?.type === "passt" ? passt(c, one, index) : one("user", userNetwork(nic, path));
    case "internal":
      return one("user", {});
    case "bridge":
    case "network":
    case "direct":
    case "ethernet":
      return one("tap", tap(c, nic, index, queues, path));
    case "client":
      return one("socket", { connect: hostPort(nic.source.address, nic.source.port) });
    case "server":
      return one("socket", { listen: hostPort(nic.source.address, nic.source.port) });
    case "mcast":
      return one("socket", { mcast: hostPort(nic.source.address, nic.source.port) });
    case "udp":
      return one("socket", {
        udp: hostPort(nic.source.address, nic.source.port),
        localaddr: hostPort(nic.source.local.address, nic.source.local.port),
      });
    case "vhostuser": {
      const { source } = nic;
      if (source.path === undefined)
        throw unsupported(`${path}/source/@path`, "the socket of vhost-user is missing");
      const address = { type: "unix", data: { path: source.path } };
      const data =
        source.mode === "server" ? { addr: address, server: true } : connecting(address, source.reconnect);
      const chardev = `char${id}`;
      return {
        ...one("vhost-user", { chardev, queues: several }),
        chardevs: [{ id: chardev, backend: { type: "socket", data } }],
      };
    }
    case "vdpa":
      return one("vhost-vdpa", { vhostdev: nic.source.dev, queues: several });
    case "null":
      return {};
    case "hostdev":
    case "vds":
      throw unsupported(`${path}/@type`, `a network card of type ${nic.type} has no network of QEMU's`);
  }
}

function hostPort(address: string | undefined, port: number): string {
  return `${address ?? ""}:${port}`;
}

type Tapped = Extract<Interface, { readonly type: "bridge" | "network" | "direct" | "ethernet" }>;

function tap({ runtime }: DeviceContext, nic: Tapped, index: number, queues: number, path: string): Json {
  const found =
    runtime.taps.get(index) ?? (nic.target?.dev === undefined ? undefined : { ifname: nic.target.dev });
  if (found === undefined) throw unsupported(path, "the agent made no tap device for this interface");
  const virtio = isVirtioCard(nic);
  const vhost = virtio && (nic.driver?.name === undefined ? runtime.vhost : nic.driver.name === "vhost");
  const common = { vhost: vhost ? true : undefined, sndbuf: nic.tune?.sndbuf };
  if ("ifname" in found) {
    return {
      ifname: found.ifname,
      script: "no",
      downscript: "no",
      ...common,
      queues: queues > 1 ? queues : undefined,
    };
  }
  const vhostFds = vhost ? found.vhostFds : undefined;
  return {
    ...descriptors("fd", found.fds),
    ...common,
    ...(vhostFds === undefined ? {} : descriptors("vhostfd", vhostFds)),
  };
}

function descriptors(name: "fd" | "vhostfd", fds: readonly number[]): Json {
  return fds.length === 1 ? { [name]: String(fds[0]) } : { [`${name}s`]: fds.join(":") };
}

/** A card without a model is a virtio one. */
export function isVirtioCard({ model }: Interface): boolean {
  return model === undefined || model === "virtio" || model.startsWith("virtio-");
}

type UserNetwork = Extract<Interface, { readonly type: "user" }>;

/** Addresses of the network that QEMU plays. */
function userNetwork(nic: UserNetwork, path: string): Json {
  if (nic.source?.dev !== undefined)
    throw unsupported(
      `${path}/source/@dev`,
      'only <backend type="passt"/> can be bound to a device of the host',
    );
  const v4 = nic.ips.find((ip) => !ip.address.includes(":"));
  const v6 = nic.ips.find((ip) => ip.address.includes(":"));
  return {
    net: v4 === undefined ? undefined : `${v4.address}${v4.prefix === undefined ? "" : `/${v4.prefix}`}`,
    "ipv6-prefix": v6?.address,
    "ipv6-prefixlen": v6?.prefix,
  };
}

/** passt listens; QEMU connects to it. */
function passt(
  { runtime }: DeviceContext,
  one: (type: string, values: Json) => DeviceParts,
  index: number,
): DeviceParts {
  const path = `${runtime.directory}/net${index}-passt.sock`;
  return one("stream", { addr: { type: "unix", path }, server: false });
}
