import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { Pair } from "./lines.ts";
import { unsupported } from "./refuse.ts";

/** Cards and devices of the host as `lxc.net.0.*`, `lxc.net.1.*`, ... @throws CONFIG_UNSUPPORTED */
export function networkSettings({
  name,
  devices,
  features,
  lxcNamespace,
}: DomainDefinition): readonly Pair[] {
  const networks: (readonly Pair[])[] = [
    ...devices.interfaces.map((nic, i) => interfaceParts(name, nic, i)),
    ...devices.hostdevs.map((hostdev): readonly Pair[] => {
      if (hostdev.type !== "net")
        throw unsupported(
          `container "${name}" can have network devices of the host, not a <hostdev> of the type "${hostdev.type}"`,
          "/domain/devices/hostdev/@type",
        );
      return [
        ["type", "phys"],
        ["link", hostdev.source.interface],
        ["flags", "up"],
        ...addressParts(hostdev),
      ];
    }),
  ];
  // Without any it shares its host's network, unless it says that it has one of its own.
  if (networks.length === 0 && lxcNamespace?.sharenet === undefined)
    networks.push([["type", features?.privnet === true ? "empty" : "none"]]);
  return networks.flatMap((parts, i) => parts.map(([part, value]): Pair => [`lxc.net.${i}.${part}`, value]));
}

function interfaceParts(name: string, nic: Interface, index: number): readonly Pair[] {
  return [
    ...sourceParts(name, nic, index),
    ...(nic.mac === undefined ? [] : [["hwaddr", nic.mac.address] as const]),
    ...(nic.guest?.dev === undefined ? [] : [["name", nic.guest.dev] as const]),
    ...(nic.mtu === undefined ? [] : [["mtu", String(nic.mtu)] as const]),
    ...(nic.link === "down" ? [] : [["flags", "up"] as const]),
    ...addressParts(nic),
  ];
}

function sourceParts(name: string, nic: Interface, index: number): readonly Pair[] {
  const pair: readonly Pair[] = nic.target?.dev === undefined ? [] : [["veth.pair", nic.target.dev]];
  switch (nic.type) {
    case "bridge":
      if (nic.source?.bridge !== undefined) return [["type", "veth"], ["link", nic.source.bridge], ...pair];
      break;
    case "ethernet":
      return [["type", "veth"], ...pair];
    case "direct":
      if (nic.source.dev !== undefined) {
        const mode = nic.source.mode === "passthrough" ? "passthru" : (nic.source.mode ?? "vepa");
        return [
          ["type", "macvlan"],
          ["link", nic.source.dev],
          ["macvlan.mode", mode],
        ];
      }
      break;
    default:
  }
  throw unsupported(
    `a card of container "${name}" can be on a bridge, on a device of the host (direct), or by itself (ethernet), not of the type "${nic.type}" as it stands`,
    `/domain/devices/interface[${index + 1}]`,
  );
}

function addressParts({ ips, routes }: Pick<Interface, "ips" | "routes">): readonly Pair[] {
  return [
    ...ips.map(({ address, family, prefix }): Pair => {
      const kind = family ?? (address.includes(":") ? "ipv6" : "ipv4");
      return [`${kind}.address`, `${address}/${prefix ?? (kind === "ipv6" ? 128 : 32)}`];
    }),
    ...routes
      .filter((r) => r.address === "0.0.0.0" || r.address === "::")
      .map((r): Pair => [`${r.gateway.includes(":") ? "ipv6" : "ipv4"}.gateway`, r.gateway]),
  ];
}
