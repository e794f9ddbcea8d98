import { randomUUID } from "node:crypto";
import { document } from "../schema/document.ts";
import type { Forward, NetworkDefinition } from "./model.ts";
import { networkSchema } from "./model.ts";
import { normalVlan } from "./port-settings.ts";
import { hasOwnBridge, validateNetwork } from "./validate.ts";

const networkDocument = document("network", networkSchema, validateNetwork);

/**
 * Reads and checks a network document.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseNetwork(xml: string): NetworkDefinition {
  return networkDocument.parse(xml);
}

/** Which form is written; without anything that of the running network. */
export interface NetworkForm {
  /** Without what only holds while it runs: who uses it, and the virtual functions of its card. */
  readonly inactive?: boolean;
}

export function formatNetwork(network: NetworkDefinition, form: NetworkForm = {}): string {
  return networkDocument.format(form.inactive === true ? inactiveForm(network) : network);
}

/** Writes down what libvirt takes where nothing is said. */
export function completeNetwork(network: NetworkDefinition): NetworkDefinition {
  const { forward, bridge, vlan, ipv6, ...others } = network;
  const { stp, delay, ...rest } = bridge ?? {};
  const completeBridge = hasOwnBridge(network) ? { ...rest, stp: stp ?? true, delay: delay ?? 0 } : rest;
  return {
    ...others,
    ...(ipv6 === true ? { ipv6 } : {}),
    uuid: network.uuid ?? randomUUID(),
    ...(forward === undefined ? {} : { forward: completeForward(forward) }),
    ...(bridge === undefined && !hasOwnBridge(network) ? {} : { bridge: completeBridge }),
    ...(vlan === undefined ? {} : { vlan: normalVlan(vlan) }),
    ips: network.ips.map(completeIp),
    portGroups: network.portGroups.map((group) =>
      group.vlan === undefined ? group : { ...group, vlan: normalVlan(group.vlan) },
    ),
  };
}

function completeForward(forward: Forward): Forward {
  const { managed, dev, ...rest } = forward;
  const interfaces = forward.interfaces.length === 0 && dev !== undefined ? [{ dev }] : forward.interfaces;
  const first = interfaces[0]?.dev;
  return {
    ...rest,
    ...(forward.mode === "hostdev" ? { managed: managed ?? false } : {}),
    ...(first === undefined || forward.pf !== undefined ? {} : { dev: first }),
    interfaces,
  };
}

type Ip = NetworkDefinition["ips"][number];
type Lease = NonNullable<NonNullable<Ip["dhcp"]>["hosts"][number]["lease"]>;

function completeIp(ip: Ip): Ip {
  const { dhcp } = ip;
  if (dhcp === undefined) return ip;
  return {
    ...ip,
    dhcp: { ...dhcp, ranges: dhcp.ranges.map(completeLease), hosts: dhcp.hosts.map(completeLease) },
  };
}

/** For ever is `expiry='0'`, in no unit. */
function completeLease<T extends { readonly lease?: Lease }>(of: T): T {
  if (of.lease === undefined) return of;
  const { expiry, unit } = of.lease;
  return { ...of, lease: expiry === 0 ? { expiry } : { expiry, unit: unit ?? "minutes" } };
}

function inactiveForm(network: NetworkDefinition): NetworkDefinition {
  const { connections: _, forward, ...rest } = network;
  if (forward === undefined) return rest;
  const withoutUse = <T extends { readonly connections?: number }>({ connections: __, ...item }: T) => item;
  return {
    ...rest,
    forward: {
      ...forward,
      interfaces: forward.pf === undefined ? forward.interfaces.map(withoutUse) : [],
      addresses: forward.pf === undefined ? forward.addresses.map(withoutUse) : [],
    },
  };
}
