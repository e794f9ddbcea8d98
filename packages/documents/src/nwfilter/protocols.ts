import type { Kind } from "../schema/kinds.ts";
import { text, yesNo } from "../schema/kinds.ts";
import { maybe } from "../schema/parts.ts";
import {
  arpOpcode,
  connectionState,
  etherType,
  ipProtocol,
  ipSetFlags,
  ipSetName,
  ipv4,
  ipv4Mask,
  ipv6,
  ipv6Mask,
  macAddress,
  macMask,
  number,
  tcpFlags,
  truth,
} from "./values.ts";

const BYTE = number(0xff);
const WORD = number(0xffff);
const LONG = number(0xffffffff);

/** With no: packets for which none of the values hold. */
const match = { match: maybe("match", yesNo) } as const;
const comment = { comment: maybe("comment", text) } as const;

const sourceMac = { sourceMac: maybe("srcmacaddr", macAddress) } as const;
const sourceMacWithMask = { ...sourceMac, sourceMacMask: maybe("srcmacmask", macMask) } as const;
const macs = {
  ...match,
  ...sourceMacWithMask,
  destinationMac: maybe("dstmacaddr", macAddress),
  destinationMacMask: maybe("dstmacmask", macMask),
} as const;

const addresses = (address: Kind<string>, mask: Kind<string>) =>
  ({
    sourceIp: maybe("srcipaddr", address),
    sourceIpMask: maybe("srcipmask", mask),
    destinationIp: maybe("dstipaddr", address),
    destinationIpMask: maybe("dstipmask", mask),
  }) as const;

const ports = {
  sourcePortStart: maybe("srcportstart", WORD),
  sourcePortEnd: maybe("srcportend", WORD),
  destinationPortStart: maybe("dstportstart", WORD),
  destinationPortEnd: maybe("dstportend", WORD),
} as const;

const dscp = { dscp: maybe("dscp", number(63)) } as const;

/** What connections above IP have in common. */
const overIp = (address: Kind<string>, mask: Kind<string>) =>
  ({
    ...match,
    ...sourceMac,
    ...addresses(address, mask),
    sourceIpFrom: maybe("srcipfrom", address),
    sourceIpTo: maybe("srcipto", address),
    destinationIpFrom: maybe("dstipfrom", address),
    destinationIpTo: maybe("dstipto", address),
    ...dscp,
    connectionsAbove: maybe("connlimit-above", WORD),
    state: maybe("state", connectionState),
    ipSet: maybe("ipset", ipSetName),
    ipSetFlags: maybe("ipsetflags", ipSetFlags),
  }) as const;
const overIpv4 = overIp(ipv4, ipv4Mask);
const overIpv6 = overIp(ipv6, ipv6Mask);

const arp = {
  ...macs,
  hardwareType: maybe("hwtype", WORD),
  protocolType: maybe("protocoltype", WORD),
  opcode: maybe("opcode", arpOpcode),
  arpSourceMac: maybe("arpsrcmacaddr", macAddress),
  arpDestinationMac: maybe("arpdstmacaddr", macAddress),
  arpSourceIp: maybe("arpsrcipaddr", ipv4),
  arpSourceIpMask: maybe("arpsrcipmask", ipv4Mask),
  arpDestinationIp: maybe("arpdstipaddr", ipv4),
  arpDestinationIpMask: maybe("arpdstipmask", ipv4Mask),
  gratuitous: maybe("gratuitous", truth),
  ...comment,
} as const;

/** A value and the upper end of a range of them. */
const range = <const N extends string>(name: N, kind: Kind<string>) =>
  ({ low: maybe(name, kind), high: maybe(`${name}-hi`, kind) }) as const;
const rootPriority = range("root-priority", WORD);
const rootCost = range("root-cost", LONG);
const senderPriority = range("sender-priority", WORD);
const port = range("port", WORD);
const age = range("age", WORD);
const maxAge = range("max-age", WORD);
const helloTime = range("hello-time", WORD);
const forwardDelay = range("forward-delay", WORD);

/** Spanning tree. */
const stp = {
  ...match,
  ...sourceMacWithMask,
  type: maybe("type", BYTE),
  flags: maybe("flags", BYTE),
  rootPriority: rootPriority.low,
  rootPriorityHigh: rootPriority.high,
  rootAddress: maybe("root-address", macAddress),
  rootAddressMask: maybe("root-address-mask", macMask),
  rootCost: rootCost.low,
  rootCostHigh: rootCost.high,
  senderPriority: senderPriority.low,
  senderPriorityHigh: senderPriority.high,
  senderAddress: maybe("sender-address", macAddress),
  senderAddressMask: maybe("sender-address-mask", macMask),
  port: port.low,
  portHigh: port.high,
  age: age.low,
  ageHigh: age.high,
  maxAge: maxAge.low,
  maxAgeHigh: maxAge.high,
  helloTime: helloTime.low,
  helloTimeHigh: helloTime.high,
  forwardDelay: forwardDelay.low,
  forwardDelayHigh: forwardDelay.high,
  ...comment,
} as const;

const tcp = { option: maybe("option", BYTE), flags: maybe("flags", tcpFlags) } as const;
const icmp = { type: maybe("type", BYTE), code: maybe("code", BYTE) } as const;

/** What a rule looks at, by the protocol whose name the element has. */
export const PROTOCOLS = {
  mac: { ...macs, protocolId: maybe("protocolid", etherType), ...comment },
  vlan: {
    ...macs,
    vlanId: maybe("vlanid", number(4095)),
    encapsulated: maybe("encap-protocol", etherType),
    ...comment,
  },
  stp,
  arp,
  rarp: arp,
  ip: {
    ...macs,
    ...addresses(ipv4, ipv4Mask),
    ipProtocol: maybe("protocol", ipProtocol),
    ...ports,
    ...dscp,
    ...comment,
  },
  ipv6: {
    ...macs,
    ...addresses(ipv6, ipv6Mask),
    ipProtocol: maybe("protocol", ipProtocol),
    ...ports,
    icmpType: maybe("type", BYTE),
    icmpTypeEnd: maybe("typeend", BYTE),
    icmpCode: maybe("code", BYTE),
    icmpCodeEnd: maybe("codeend", BYTE),
    ...comment,
  },
  tcp: { ...overIpv4, ...ports, ...tcp, ...comment },
  udp: { ...overIpv4, ...ports, ...comment },
  udplite: { ...overIpv4, ...comment },
  esp: { ...overIpv4, ...comment },
  ah: { ...overIpv4, ...comment },
  sctp: { ...overIpv4, ...ports, ...comment },
  icmp: { ...overIpv4, ...icmp, ...comment },
  all: { ...overIpv4, ...comment },
  igmp: { ...overIpv4, ...comment },
  "tcp-ipv6": { ...overIpv6, ...ports, ...tcp, ...comment },
  "udp-ipv6": { ...overIpv6, ...ports, ...comment },
  "udplite-ipv6": { ...overIpv6, ...comment },
  "esp-ipv6": { ...overIpv6, ...comment },
  "ah-ipv6": { ...overIpv6, ...comment },
  "sctp-ipv6": { ...overIpv6, ...ports, ...comment },
  icmpv6: { ...overIpv6, ...icmp, ...comment },
  "all-ipv6": { ...overIpv6, ...comment },
} as const;
