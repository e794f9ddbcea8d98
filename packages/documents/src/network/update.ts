import { VirtError } from "@virtmesh/core/errors";
import { document } from "../schema/document.ts";
import { refuseAt } from "../schema/refuse.ts";
import type { Schema } from "../schema/schema.ts";
import type { DhcpHost, DnsHost, DnsSrv, NetworkDefinition, NetworkIp } from "./model.ts";
import {
  dhcpHostSchema,
  dhcpRangeSchema,
  dnsHostSchema,
  dnsSrvSchema,
  dnsTxtSchema,
  forwardInterfaceSchema,
  portGroupSchema,
} from "./model.ts";
import {
  checkDhcpHost,
  checkDhcpRange,
  checkDnsHost,
  checkDnsSrv,
  checkDnsTxt,
  checkPartialDhcpHost,
} from "./validate.ts";

export type UpdateCommand = "add-first" | "add-last" | "modify" | "delete";

/** The lists of a network that change while it is there; libvirt knows more names and refuses them, and so is done here. */
export type UpdateSection =
  | "ip-dhcp-host"
  | "ip-dhcp-range"
  | "forward-interface"
  | "portgroup"
  | "dns-host"
  | "dns-txt"
  | "dns-srv";

export interface NetworkUpdate {
  readonly command: UpdateCommand;
  readonly section: UpdateSection;
  /** Which `<ip>`, from 0; undefined for the first one with DHCP. */
  readonly parentIndex?: number;
  /** The element, alone. */
  readonly xml: string;
}

/**
 * The network with one element of one of its lists added, replaced or removed.
 * @throws XML_INVALID and what else reading an element does, NOT_FOUND, ALREADY_EXISTS, WRONG_STATE, UNSUPPORTED
 */
export function updateNetwork(network: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  return SECTIONS[update.section](network, update);
}

const SECTIONS: Readonly<
  Record<UpdateSection, (network: NetworkDefinition, update: NetworkUpdate) => NetworkDefinition>
> = {
  "ip-dhcp-host": updateDhcpHost,
  "ip-dhcp-range": updateDhcpRange,
  "forward-interface": updateForwardInterface,
  portgroup: updatePortGroup,
  "dns-host": updateDnsHost,
  "dns-txt": updateDnsTxt,
  "dns-srv": updateDnsSrv,
};

const isAdd = ({ command }: NetworkUpdate): boolean => command === "add-first" || command === "add-last";

interface Matching<T> {
  /** For messages: `the host of DHCP`. */
  readonly what: string;
  readonly canModify?: boolean;
  /** Whether one that is there is the one meant, or is in the way of a new one. */
  matches(there: T): boolean;
}

function changed<T>(list: readonly T[], item: T, update: NetworkUpdate, by: Matching<T>): readonly T[] {
  const found = list.filter((there) => by.matches(there));
  const at = list.findIndex((there) => by.matches(there));
  if (isAdd(update)) {
    if (found.length > 0) throw new VirtError("ALREADY_EXISTS", `${by.what} is there already`);
    return update.command === "add-first" ? [item, ...list] : [...list, item];
  }
  if (update.command === "modify" && by.canModify !== true) {
    throw new VirtError("UNSUPPORTED", `${by.what} cannot be modified: delete it and add another`);
  }
  if (found.length === 0) throw new VirtError("NOT_FOUND", `${by.what} is not there`);
  return update.command === "modify" ? list.with(at, item) : list.toSpliced(at, 1);
}

function itemOf<T>(name: string, schema: Schema<T>, { xml }: NetworkUpdate, validate?: (item: T) => void): T {
  return document(name, schema, validate).parse(xml);
}

function updateDhcpHost(network: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  const { ip, index } = parentOf(network, update);
  const partial = update.command === "delete";
  const check = partial ? checkPartialDhcpHost : checkDhcpHost;
  const host = itemOf("host", dhcpHostSchema, update, (item) => check(item, ip, "/host"));
  if (isAdd(update)) checkOnlyDhcp(network, index);
  const same = <K extends keyof DhcpHost>(there: DhcpHost, key: K): boolean =>
    host[key] !== undefined && host[key] === there[key];
  const notOther = <K extends keyof DhcpHost>(there: DhcpHost, key: K): boolean =>
    host[key] === undefined || host[key] === there[key];
  const hosts = changed(ip.dhcp?.hosts ?? [], host, update, {
    what: `the host ${[host.mac, host.name, host.ip].filter((n) => n !== undefined).join(", ")} of DHCP`,
    canModify: true,
    matches: (there) =>
      partial
        ? (there.mac === undefined || notOther(there, "mac")) &&
          notOther(there, "name") &&
          notOther(there, "ip")
        : same(there, "mac") || same(there, "name") || same(there, "ip"),
  });
  return withDhcp(network, index, { hosts });
}

function updateDhcpRange(network: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  const { ip, index } = parentOf(network, update);
  const range = itemOf("range", dhcpRangeSchema, update, (item) => checkDhcpRange(item, ip, "/range"));
  if (isAdd(update)) checkOnlyDhcp(network, index);
  const ranges = changed(ip.dhcp?.ranges ?? [], range, update, {
    what: `the range ${range.start} to ${range.end}`,
    matches: (there) => there.start === range.start && there.end === range.end,
  });
  return withDhcp(network, index, { ranges });
}

function updateForwardInterface(network: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  const item = itemOf("interface", forwardInterfaceSchema, update);
  const forward = network.forward;
  if (forward === undefined) throw new VirtError("WRONG_STATE", `network ${network.name} forwards nothing`);
  const { dev, ...rest } = forward;
  const there = forward.interfaces.length === 0 && dev !== undefined ? [{ dev }] : forward.interfaces;
  const used = there.find((one) => one.dev === item.dev)?.connections ?? 0;
  if (update.command === "delete" && used > 0) {
    throw new VirtError("WRONG_STATE", `the interface ${item.dev} is used by ${used} guests`);
  }
  const interfaces = changed(there, item, update, {
    what: `the interface ${item.dev}`,
    matches: (one) => one.dev === item.dev,
  });
  const [first] = interfaces;
  return { ...network, forward: { ...rest, ...(first === undefined ? {} : { dev: first.dev }), interfaces } };
}

function updatePortGroup(network: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  const group = itemOf("portgroup", portGroupSchema, update);
  const other = network.portGroups.find((there) => there.default === true && there.name !== group.name);
  if (update.command !== "delete" && group.default === true && other !== undefined) {
    throw new VirtError("ALREADY_EXISTS", `the port group ${other.name} is the default already`);
  }
  const portGroups = changed(network.portGroups, group, update, {
    what: `the port group ${group.name}`,
    canModify: true,
    matches: (there) => there.name === group.name,
  });
  return { ...network, portGroups };
}

function updateDnsHost(network: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  const host = itemOf("host", dnsHostSchema, update, (item) => {
    if (isAdd(update)) checkDnsHost(item, "/host");
    else if (item.ip === undefined && item.hostnames.length === 0)
      refuseAt("/host", "a host is found by ip or <hostname>");
  });
  const sameIp = (there: DnsHost): boolean => host.ip !== undefined && host.ip === there.ip;
  const matches = (there: DnsHost): boolean =>
    // Two addresses of one name are in order, so only the address is in the way of a new one.
    sameIp(there) || (!isAdd(update) && host.hostnames.some((name) => there.hostnames.includes(name)));
  const hosts = network.dns?.hosts ?? [];
  refuseAmbiguous(hosts, matches, update);
  const what = `the DNS host ${host.ip ?? host.hostnames.join(", ")}`;
  return withDns(network, { hosts: changed(hosts, host, update, { what, matches }) });
}

function updateDnsTxt(network: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  const txt = itemOf("txt", dnsTxtSchema, update, (item) => {
    if (isAdd(update)) checkDnsTxt(item, "/txt");
  });
  const txts = changed(network.dns?.txts ?? [], txt, update, {
    what: `the text record ${txt.name}`,
    matches: (there) => there.name === txt.name,
  });
  return withDns(network, { txts });
}

function updateDnsSrv(network: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  const srv = itemOf("srv", dnsSrvSchema, update, (item) => checkDnsSrv(item, "/srv", !isAdd(update)));
  const keys = ["domain", "service", "protocol", "target"] as const;
  const matches = (there: DnsSrv): boolean =>
    keys.every((key) => srv[key] === undefined || srv[key] === there[key]);
  const srvs = network.dns?.srvs ?? [];
  refuseAmbiguous(srvs, matches, update);
  const what = `the service record ${srv.service ?? ""} ${srv.protocol ?? ""}`.trimEnd();
  return withDns(network, { srvs: changed(srvs, srv, update, { what, matches }) });
}

function refuseAmbiguous<T>(list: readonly T[], matches: (item: T) => boolean, update: NetworkUpdate): void {
  if (!isAdd(update) && list.filter(matches).length > 1)
    refuseAt(`/${update.section}`, "several records match; name more of the one that is meant");
}

function parentOf(
  network: NetworkDefinition,
  { parentIndex }: NetworkUpdate,
): { readonly ip: NetworkIp; readonly index: number } {
  const withDhcpAt = network.ips.findIndex((one) => one.dhcp !== undefined);
  const index = parentIndex ?? (withDhcpAt < 0 ? 0 : withDhcpAt);
  const ip = network.ips[index];
  if (ip === undefined) {
    throw new VirtError(
      "NOT_FOUND",
      `network ${network.name} has ${network.ips.length} <ip>, none is number ${index}`,
    );
  }
  return { ip, index };
}

/** dnsmasq serves one network of a family. */
function checkOnlyDhcp(network: NetworkDefinition, index: number): void {
  const six = network.ips[index]?.family === "ipv6";
  const other = network.ips.find((ip, i) => i !== index && (ip.family === "ipv6") === six && hasDhcp(ip));
  if (other !== undefined)
    throw new VirtError(
      "WRONG_STATE",
      `DHCP is given by ${other.address} already, and only one of a family can`,
    );
}

function hasDhcp({ dhcp }: NetworkIp): boolean {
  return dhcp !== undefined && dhcp.ranges.length + dhcp.hosts.length > 0;
}

function withDhcp(
  network: NetworkDefinition,
  index: number,
  change: Partial<NonNullable<NetworkIp["dhcp"]>>,
): NetworkDefinition {
  const ips = network.ips.map((ip, i) => {
    if (i !== index) return ip;
    const { dhcp: before, ...rest } = ip;
    const dhcp = { ranges: [], hosts: [], ...before, ...change };
    const isEmpty = dhcp.ranges.length + dhcp.hosts.length === 0 && dhcp.bootp === undefined;
    return isEmpty ? rest : { ...rest, dhcp };
  });
  return { ...network, ips };
}

type Dns = NonNullable<NetworkDefinition["dns"]>;

function withDns(network: NetworkDefinition, change: Partial<Dns>): NetworkDefinition {
  const { dns: before, ...rest } = network;
  const dns: Dns = { forwarders: [], txts: [], srvs: [], hosts: [], ...before, ...change };
  const records = dns.forwarders.length + dns.txts.length + dns.srvs.length + dns.hosts.length;
  const isEmpty = records === 0 && dns.enable === undefined && dns.forwardPlainNames === undefined;
  return isEmpty ? rest : { ...rest, dns };
}
