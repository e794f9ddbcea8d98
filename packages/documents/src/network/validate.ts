import { isIPv4, isIPv6 } from "node:net";
import { refuseAt, refuseDoubles } from "../schema/refuse.ts";
import { addressBits, isInside, prefixOf } from "./ip.ts";
import type {
  DhcpHost,
  DhcpRange,
  Dns,
  DnsHost,
  DnsSrv,
  Forward,
  ForwardMode,
  NetworkDefinition,
  NetworkIp,
  Route,
} from "./model.ts";
import type { Vlan } from "../domain/devices/network-parts.ts";

/**
 * Checks what single elements cannot know.
 * @throws XML_INVALID naming the element and the remedy
 */
export function validateNetwork(network: NetworkDefinition): void {
  if (network.name.includes("/")) refuseAt("/network/name", `the name "${network.name}" has a slash`);
  if (network.mac !== undefined) checkUnicast(network.mac, "/network/mac");
  if (network.vlan !== undefined) checkVlan(network.vlan, "/network/vlan");
  if (network.virtualPort !== undefined && network.virtualPort.type === undefined)
    refuseAt("/network/virtualport", `a virtual port of a network needs a type, such as type="openvswitch"`);
  network.portGroups.forEach((group, i) => {
    if (group.vlan !== undefined) checkVlan(group.vlan, `/network/portgroup[${i + 1}]/vlan`);
  });
  checkDns(network.dns);
  network.ips.forEach((ip, i) => checkIp(ip, `/network/ip[${i + 1}]`));
  network.routes.forEach((route, i) => checkRoute(route, network.ips, `/network/route[${i + 1}]`));
  if (network.forward !== undefined) checkForward(network.forward);
  checkMode(network);
}

/** Layer 3 is the host's with these; with the others guests are on a network of others. */
const ROUTED: ReadonlySet<ForwardMode> = new Set(["nat", "route", "open"]);
const OF_DEVICES: ReadonlySet<ForwardMode> = new Set(["private", "vepa", "passthrough", "hostdev"]);

/** Whether libvirt makes the bridge of this network itself. */
export function hasOwnBridge(network: NetworkDefinition): boolean {
  return network.forward === undefined || ROUTED.has(network.forward.mode);
}

function checkMode(network: NetworkDefinition): void {
  const { forward, bridge } = network;
  if (forward === undefined) return;
  const { mode } = forward;
  if (ROUTED.has(mode)) {
    if (network.ips.length === 0)
      refuseAt("/network/forward", `mode="${mode}" needs an <ip> that says which network is forwarded`);
    if (mode === "open" && (forward.dev !== undefined || forward.interfaces.length > 0))
      refuseAt("/network/forward", `mode="open" leaves forwarding to others and takes no interface`);
    return;
  }
  if (OF_DEVICES.has(mode) && bridge !== undefined) {
    if (bridge.name !== undefined || bridge.zone !== undefined || bridge.macTableManager !== undefined)
      refuseAt("/network/bridge", `mode="${mode}" has no bridge: leave out <bridge>`);
  }
  if (bridge?.stp !== undefined || (bridge?.delay ?? 0) > 0 || bridge?.zone !== undefined)
    refuseAt("/network/bridge", `mode="${mode}" uses a bridge of others: leave out stp, delay and zone`);
  if (
    bridge?.name !== undefined &&
    (forward.dev !== undefined || forward.interfaces.length > 0 || forward.pf !== undefined)
  )
    refuseAt("/network/forward", `mode="${mode}" takes a bridge or an interface of the host, not both`);
  if (network.mtu !== undefined && network.mtu > 0)
    refuseAt("/network/mtu", `mode="${mode}" uses interfaces of others, whose MTU it cannot set`);
}

function checkForward(forward: Forward): void {
  const path = "/network/forward";
  if (forward.nat !== undefined && forward.mode !== "nat")
    refuseAt(`${path}/nat`, `<nat> is only for mode="nat", this is "${forward.mode}"`);
  const { address, port } = forward.nat ?? {};
  if (address !== undefined && addressBits(address.start) > addressBits(address.end))
    refuseAt(`${path}/nat/address`, `${address.start} comes after ${address.end}`);
  if (port !== undefined && port.start > port.end)
    refuseAt(`${path}/nat/port`, `${port.start} comes after ${port.end}`);
  if (forward.dev !== undefined && (forward.addresses.length > 0 || forward.pf !== undefined))
    refuseAt(path, `"dev" excludes <address> and <pf>`);
  const [first] = forward.interfaces;
  if (forward.dev !== undefined && first !== undefined && first.dev !== forward.dev)
    refuseAt(path, `dev="${forward.dev}" must be the first <interface>, which is "${first.dev}"`);
  refuseDoubles(
    forward.interfaces.map(({ dev }) => dev),
    `${path}/interface`,
  );
  refuseDoubles(
    forward.addresses.map((a) => [a.domain, a.bus, a.slot, a.function].map((n) => n.toString(16)).join(":")),
    `${path}/address`,
  );
}

export function checkVlan(vlan: Vlan, path: string): void {
  if (vlan.tags.length === 0) refuseAt(path, `a <vlan> needs a <tag id="..."/>`);
  const native = vlan.tags.filter((tag) => tag.nativeMode !== undefined);
  if (native.length > 1) refuseAt(path, "only one tag can be the native one");
  if (vlan.trunk === false && vlan.tags.length > 1) refuseAt(path, `several tags need trunk="yes"`);
  if (vlan.trunk === false && native.length > 0) refuseAt(path, `a native tag needs trunk="yes"`);
}

function checkDns(dns: Dns | undefined): void {
  if (dns === undefined) return;
  const path = "/network/dns";
  const filled = dns.forwarders.length + dns.hosts.length + dns.srvs.length + dns.txts.length > 0;
  if (dns.enable === false && filled) refuseAt(path, `enable="no" leaves no room for records`);
  dns.forwarders.forEach((forwarder, i) => {
    if (forwarder.address === undefined && forwarder.domain === undefined)
      refuseAt(`${path}/forwarder[${i + 1}]`, "a forwarder needs addr, domain or both");
  });
  dns.hosts.forEach((host, i) => checkDnsHost(host, `${path}/host[${i + 1}]`));
  dns.srvs.forEach((srv, i) => checkDnsSrv(srv, `${path}/srv[${i + 1}]`));
  dns.txts.forEach((txt, i) => checkDnsTxt(txt, `${path}/txt[${i + 1}]`));
}

export function checkDnsHost(host: DnsHost, path: string): void {
  if (host.ip === undefined) refuseAt(path, "a host needs an ip");
  if (host.hostnames.length === 0) refuseAt(path, "a host needs a <hostname>");
}

export function checkDnsTxt(txt: { readonly name: string; readonly value?: string }, path: string): void {
  if (/[ ,]/.test(txt.name)) refuseAt(path, `the name "${txt.name}" has a blank or a comma`);
  if (txt.value === undefined) refuseAt(path, "a text record needs a value");
}

/** What a service is called in DNS. */
const SERVICE = /^[A-Za-z0-9_-]{1,255}$/;
const PROTOCOL = /^[A-Za-z0-9_-]+$/;

/** `partial` for a record that is only looked for. */
export function checkDnsSrv(srv: DnsSrv, path: string, partial = false): void {
  if (!partial && srv.service === undefined) refuseAt(path, "a service record needs a service");
  if (!partial && srv.protocol === undefined) refuseAt(path, "a service record needs a protocol");
  if (srv.service !== undefined && !SERVICE.test(srv.service))
    refuseAt(path, `the service "${srv.service}" is not of letters, digits, "_" and "-"`);
  if (srv.protocol !== undefined && !PROTOCOL.test(srv.protocol))
    refuseAt(path, `the protocol "${srv.protocol}" is not of letters, digits, "_" and "-"`);
  if (srv.target === undefined && (srv.port ?? srv.priority ?? srv.weight) !== undefined)
    refuseAt(path, "port, priority and weight need a target");
}

function checkIp(ip: NetworkIp, path: string): void {
  checkFamily(ip, path);
  if (ip.tftp !== undefined && isIPv6(ip.address)) refuseAt(`${path}/tftp`, "TFTP is only for IPv4");
  const { ranges = [], hosts = [] } = ip.dhcp ?? {};
  ranges.forEach((range, i) => checkDhcpRange(range, ip, `${path}/dhcp/range[${i + 1}]`));
  hosts.forEach((host, i) => checkDhcpHost(host, ip, `${path}/dhcp/host[${i + 1}]`));
}

function checkFamily(of: Pick<NetworkIp, "family" | "address" | "netmask" | "prefix">, path: string): void {
  const six = of.family === "ipv6";
  if (six !== isIPv6(of.address))
    refuseAt(
      path,
      `${of.address} is not of the family ${of.family ?? "ipv4"}; say family="${six ? "ipv4" : "ipv6"}"`,
    );
  if (six && of.netmask !== undefined) refuseAt(path, "IPv6 has no netmask: say prefix");
  if (of.netmask !== undefined && of.prefix !== undefined)
    refuseAt(path, "netmask and prefix exclude each other");
  if (!six && (of.prefix ?? 0) > 32) refuseAt(path, `an IPv4 prefix has at most 32 bits, not ${of.prefix}`);
  if (prefixOf(of) === undefined) refuseAt(path, `${of.netmask} is no mask`);
}

/** Longest range of DHCP: the 64 Ki addresses that libvirt allows. */
const LONGEST_RANGE = 65_535n;

export function checkDhcpRange(range: DhcpRange, ip: NetworkIp, path: string): void {
  checkLease(range.lease, path);
  const prefix = prefixOf(ip) ?? 0;
  for (const end of [range.start, range.end]) {
    if (!isInside(end, ip.address, prefix)) refuseAt(path, `${end} is not in ${ip.address}/${prefix}`);
  }
  const length = addressBits(range.end) - addressBits(range.start);
  if (length < 0n) refuseAt(path, `${range.start} comes after ${range.end}`);
  if (length > LONGEST_RANGE) refuseAt(path, `${range.start} to ${range.end} are more than 65536 addresses`);
  if (!isIPv4(ip.address) || prefix >= 31) return;
  const network = (addressBits(ip.address) >> BigInt(32 - prefix)) << BigInt(32 - prefix);
  if (addressBits(range.start) === network)
    refuseAt(path, `${range.start} is the address of the network itself`);
  if (addressBits(range.end) === network + (1n << BigInt(32 - prefix)) - 1n)
    refuseAt(path, `${range.end} is the broadcast address`);
}

export function checkDhcpHost(host: DhcpHost, ip: NetworkIp, path: string): void {
  checkHostNames(host, ip, path);
  if (isIPv6(ip.address)) {
    if (host.id === undefined && host.name === undefined)
      refuseAt(path, "a host of IPv6 needs an id or a name");
  } else if (host.mac === undefined && host.name === undefined) {
    refuseAt(path, "a host needs a mac or a name");
  }
  if (host.ip === undefined) refuseAt(path, "a host needs an ip");
}

/** As `checkDhcpHost`, for one that is only looked for. */
export function checkPartialDhcpHost(host: DhcpHost, ip: NetworkIp, path: string): void {
  checkHostNames(host, ip, path);
  if (host.mac === undefined && host.name === undefined && host.ip === undefined)
    refuseAt(path, "a host is found by mac, name or ip");
}

function checkHostNames(host: DhcpHost, ip: NetworkIp, path: string): void {
  checkLease(host.lease, path);
  if (host.mac !== undefined) {
    if (isIPv6(ip.address)) refuseAt(path, "a host of IPv6 has an id, not a mac");
    checkUnicast(host.mac, path);
  }
  if (host.id !== undefined && !/^[0-9a-f:]*$/i.test(host.id))
    refuseAt(path, `the id "${host.id}" is not of hexadecimal digits and colons`);
  if (host.name !== undefined && !/^[a-z0-9]/i.test(host.name))
    refuseAt(path, `the name "${host.name}" does not begin with a letter or digit`);
}

/** dnsmasq knows no shorter lease. */
const SHORTEST_LEASE = { seconds: 120, minutes: 2, hours: 0 } as const;

function checkLease(lease: DhcpHost["lease"], path: string): void {
  if (lease === undefined || lease.expiry === 0) return;
  if (lease.expiry < SHORTEST_LEASE[lease.unit ?? "minutes"])
    refuseAt(`${path}/lease`, "a lease lasts at least two minutes, or for ever with 0");
}

function checkUnicast(mac: string, path: string): void {
  if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1) refuseAt(path, `${mac} is a multicast address`);
}

function checkRoute(route: Route, ips: readonly NetworkIp[], path: string): void {
  checkFamily(route, path);
  if (isIPv6(route.gateway) !== isIPv6(route.address))
    refuseAt(path, `the gateway ${route.gateway} is of another family than ${route.address}`);
  const width = isIPv6(route.address) ? 128 : 32;
  const prefix = route.netmask === undefined ? (route.prefix ?? 0) : (prefixOf(route) ?? 0);
  const host = addressBits(route.address) & ((1n << BigInt(width - prefix)) - 1n);
  if (host !== 0n) refuseAt(path, `${route.address} is not the address of a network of ${prefix} bits`);
  if (!ips.some((ip) => isInside(route.gateway, ip.address, prefixOf(ip) ?? 0)))
    refuseAt(path, `the gateway ${route.gateway} is in none of the networks of <ip>`);
}
