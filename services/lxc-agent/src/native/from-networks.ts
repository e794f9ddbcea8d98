import type { Hostdev } from "@virtmesh/documents/domain/devices/hostdev";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import { invalid, type Setting } from "./lines.ts";

/** The settings of one network by the name of their part: `type`, `link`, `ipv4.address`. */
interface Network {
  readonly parts: ReadonlyMap<string, Setting>;
  readonly addresses: readonly Setting[];
}

export interface NetworkDevices {
  readonly interfaces: readonly Interface[];
  readonly hostdevs: readonly Hostdev[];
  /** Nothing is said of networks: the container has one of its own with nothing in it. */
  readonly isPrivate: boolean;
}

/** Cards, and devices of the host that the container has to itself. @throws CONFIG_INVALID */
export function networkDevices(settings: readonly Setting[]): NetworkDevices {
  const networks = networksOf(settings);
  const interfaces: Interface[] = [];
  const hostdevs: Hostdev[] = [];
  for (const network of networks) {
    const type = network.parts.get("type");
    if (type === undefined) continue;
    switch (type.value) {
      case "empty":
      case "none":
        break;
      case "phys":
      case "vlan":
        hostdevs.push(hostdevOf(network));
        break;
      case "veth":
      case "macvlan":
        interfaces.push(interfaceOf(network));
        break;
      default:
        throw invalid(
          type.line,
          `a network of the type "${type.value}" has no counterpart in libvirt's documents`,
        );
    }
  }
  return { interfaces, hostdevs, isPrivate: networks.length === 0 };
}

function networksOf(settings: readonly Setting[]): readonly Network[] {
  const found = new Map<number, { parts: Map<string, Setting>; addresses: Setting[] }>();
  for (const setting of settings) {
    const [, number, part] = /^lxc\.net\.(\d+)\.(.+)$/.exec(setting.key) ?? [];
    if (part === undefined) continue;
    const network = found.get(Number(number)) ?? { parts: new Map<string, Setting>(), addresses: [] };
    found.set(Number(number), network);
    if (/^ipv[46]\.address$/.test(part)) network.addresses.push(setting);
    else network.parts.set(part, setting);
  }
  return [...found].toSorted(([a], [b]) => a - b).map(([, network]) => network);
}

function hostdevOf(network: Network): Hostdev {
  const { parts } = network;
  const link = linkOf(network);
  const vlan = parts.get("vlan.id")?.value;
  const name = vlan === undefined || parts.get("type")?.value === "phys" ? link : `${link}.${vlan}`;
  return {
    mode: "capabilities",
    type: "net",
    source: { interface: name },
    ...addressing(network),
  };
}

function interfaceOf(network: Network): Interface {
  const { parts } = network;
  const mac = parts.get("hwaddr")?.value;
  const name = parts.get("name")?.value;
  const common = {
    ...(mac === undefined ? {} : { mac: { address: mac.toLowerCase() } }),
    ...addressing(network),
    ...(name === undefined ? {} : { guest: { dev: name } }),
    link: parts.get("flags")?.value === "up" ? ("up" as const) : ("down" as const),
    portForwards: [],
  };
  if (parts.get("type")?.value === "macvlan") {
    return {
      type: "direct",
      source: { dev: linkOf(network), mode: macvlanMode(parts.get("macvlan.mode")) },
      ...common,
    };
  }
  const link = parts.get("link")?.value;
  return link === undefined
    ? { type: "ethernet", ...common }
    : { type: "bridge", source: { bridge: link }, ...common };
}

function macvlanMode(setting: Setting | undefined): "private" | "vepa" | "bridge" | "passthrough" {
  if (setting === undefined) return "private";
  switch (setting.value) {
    case "private":
    case "vepa":
    case "bridge":
      return setting.value;
    case "passthru":
      return "passthrough";
    default:
      throw invalid(setting.line, `"${setting.value}" is no mode of a macvlan`);
  }
}

function linkOf({ parts }: Network): string {
  const link = parts.get("link");
  if (link !== undefined) return link.value;
  throw invalid(
    parts.get("type")?.line ?? 0,
    "this network needs the device of the host it is on: add its link",
  );
}

function addressing({ parts, addresses }: Network): Pick<Interface, "ips" | "routes"> {
  const ips = addresses.map(({ key, value, line }) => {
    const [, address, prefix] = /^([0-9a-f.:]+)\/(\d{1,3})(?:\s|$)/i.exec(value) ?? [];
    if (address === undefined)
      throw invalid(line, `"${value}" is no address with its prefix, such as 10.0.0.2/24`);
    const family = key.includes("ipv6") ? ("ipv6" as const) : ("ipv4" as const);
    return { address, family, prefix: Number(prefix) };
  });
  const routes = (["ipv4", "ipv6"] as const).flatMap((family) => {
    const gateway = parts.get(`${family}.gateway`)?.value;
    return gateway === undefined ? [] : [{ family, address: family === "ipv4" ? "0.0.0.0" : "::", gateway }];
  });
  return { ips, routes };
}
