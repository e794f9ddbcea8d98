import { isIPv4, isIPv6 } from "node:net";
import { addressBits, ipAddress } from "../network/ip.ts";
import type { Kind } from "../schema/kinds.ts";
import { mac } from "../schema/kinds.ts";

/** `$NAME`, `$NAME[2]` or `$NAME[@1]`: filled in for each interface that uses the filter. */
const VARIABLE = /^\$\s*([A-Za-z0-9_]+)(\[\s*(@?\d+)\s*\])?\s*$/;

/** Without blanks; the first iterator is the one that is taken when none is named. */
function normalVariable(text: string): string | undefined {
  const [, name, , index] = VARIABLE.exec(text) ?? [];
  if (name === undefined) return undefined;
  return index === undefined || /^@0+$/.test(index) ? `$${name}` : `$${name}[${index}]`;
}

/** The value of a rule's attribute in the form libvirt writes it, or a variable in its place. */
function value(
  expected: string,
  examples: readonly string[],
  normal: (text: string) => string | undefined,
): Kind<string> {
  return {
    expected: `${expected}, or a variable such as $NAME`,
    texts: { names: [...examples, "$NAME", "$NAME[2]", "$NAME[@1]"] },
    parse: (t) => normalVariable(t) ?? normal(t),
    format: (v) => v,
  };
}

function wholeNumber(text: string, min: number, max: number): string | undefined {
  const isHex = /^0x[0-9a-f]{1,8}$/i.test(text);
  if (!isHex && !/^\d{1,10}$/.test(text)) return undefined;
  const n = Number(text);
  if (n < min || n > max) return undefined;
  return isHex ? `0x${n.toString(16)}` : String(n);
}

/** Decimal, or hexadecimal with 0x. */
export function number(max: number, min = 0): Kind<string> {
  return value(`a number from ${min} to ${max}`, [String(min), String(max), `0x${max.toString(16)}`], (t) =>
    wholeNumber(t, min, max),
  );
}

/** A number that has a name where it is a known one. `decimal` writes the others in decimal. */
function named(
  names: Readonly<Record<string, number>>,
  max: number,
  { min = 0, decimal = false }: { readonly min?: number; readonly decimal?: boolean } = {},
): Kind<string> {
  const entries = Object.entries(names);
  const examples = [...Object.keys(names), String(max)];
  return value(`${Object.keys(names).join(", ")} or a number from ${min} to ${max}`, examples, (t) => {
    const byName = entries.find(([name]) => name.toLowerCase() === t.toLowerCase());
    if (byName !== undefined) return byName[0];
    const n = wholeNumber(t, min, max);
    if (n === undefined) return undefined;
    return entries.find(([, known]) => known === Number(n))?.[0] ?? (decimal ? String(Number(n)) : n);
  });
}

/** Types of Ethernet frames. */
export const etherType = named(
  { arp: 0x806, rarp: 0x8035, ipv4: 0x800, ipv6: 0x86dd, vlan: 0x8100 },
  0xffff,
  { min: 0x600 },
);

export const ipProtocol = named(
  { tcp: 6, udp: 17, udplite: 136, esp: 50, ah: 51, icmp: 1, igmp: 2, sctp: 132, icmpv6: 58 },
  0xff,
);

export const arpOpcode = named(
  {
    Request: 1,
    Reply: 2,
    Request_Reverse: 3,
    Reply_Reverse: 4,
    DRARP_Request: 5,
    DRARP_Reply: 6,
    DRARP_Error: 7,
    InARP_Request: 8,
    ARP_NAK: 9,
  },
  0xffff,
  { decimal: true },
);

export const macAddress = value("a MAC address", ["52:54:00:12:34:56"], (t) => mac.parse(t));

export const macMask = value("a mask of MAC addresses", ["ff:ff:00:00:00:00"], (t) => {
  const found = mac.parse(t);
  const bits = found?.split(":").map((byte) => Number.parseInt(byte, 16).toString(2).padStart(8, "0"));
  return bits !== undefined && /^1*0*$/.test(bits.join("")) ? found : undefined;
});

export const ipv4 = value("an IPv4 address", ["10.1.2.3"], (t) => (isIPv4(t) ? t : undefined));
export const ipv6 = value("an IPv6 address", ["fe80::1"], (t) =>
  isIPv6(t) ? ipAddress.parse(t) : undefined,
);

/** A mask as the number of its bits. */
function mask(width: 32 | 128, isAddress: (text: string) => boolean): Kind<string> {
  return value(`a number of bits up to ${width}, or a mask`, ["0", "8", String(width)], (t) => {
    if (/^\d{1,3}$/.test(t)) return Number(t) <= width ? String(Number(t)) : undefined;
    if (!isAddress(t)) return undefined;
    const bits = addressBits(t).toString(2).padStart(width, "0");
    return /^1*0*$/.test(bits) ? String(bits.replaceAll("0", "").length) : undefined;
  });
}
export const ipv4Mask = mask(32, isIPv4);
export const ipv6Mask = mask(128, isIPv6);

/** Names separated by commas, in the order libvirt writes them; `alone` are names that stand for a whole list. */
function listOf(text: string, order: readonly string[], alone: readonly string[]): string | undefined {
  if (alone.includes(text)) return text;
  const names = text.split(",");
  return names.every((name) => order.includes(name))
    ? order.filter((name) => names.includes(name)).join(",")
    : undefined;
}

export const connectionState = value(
  "NEW, ESTABLISHED, RELATED, INVALID with commas between, or NONE",
  ["NEW,RELATED", "NONE"],
  (t) => listOf(t, ["NEW", "ESTABLISHED", "RELATED", "INVALID"], ["NONE"]),
);

export const tcpFlags = value(
  "flags such as SYN,ACK/SYN: what is looked at / what must be set",
  ["SYN,ACK/SYN", "ALL/NONE"],
  (t) => {
    const flags = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
    const [looked, set, more] = t.split("/").map((part) => listOf(part, flags, ["ALL", "NONE"]));
    return looked === undefined || set === undefined || more !== undefined ? undefined : `${looked}/${set}`;
  },
);

export const ipSetName = value("the name of an IP set of at most 31 characters", ["blocked"], (t) =>
  /^[A-Za-z0-9_.:+ -]{1,31}$/.test(t) ? t : undefined,
);

export const ipSetFlags = value("up to six of src and dst with commas between", ["src", "src,dst"], (t) =>
  /^(src|dst)(,(src|dst)){0,5}$/i.test(t) ? t.toLowerCase() : undefined,
);

export const truth = value("true or false", ["true", "false"], (t) =>
  ["true", "yes", "1"].includes(t) ? "true" : ["false", "no", "0"].includes(t) ? "false" : undefined,
);
