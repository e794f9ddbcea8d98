import { isIP, isIPv4, isIPv6 } from "node:net";
import type { Kind } from "../schema/kinds.ts";

/** An address of either family, kept in its shortest form. */
export const ipAddress: Kind<string> = {
  expected: "an IPv4 or IPv6 address",
  texts: { names: ["192.168.122.1", "10.0.0.255", "0.0.0.0", "fe80::1", "::", "2001:db8:0:1::ff"] },
  parse: (t) => (isIP(t) === 0 ? undefined : shortest(t)),
  format: (v) => v,
};

export const ipv4Address: Kind<string> = {
  expected: "an IPv4 address",
  texts: { names: ["192.168.122.1", "10.0.0.255", "0.0.0.0"] },
  parse: (t) => (isIPv4(t) ? t : undefined),
  format: (v) => v,
};

function shortest(address: string): string {
  if (!isIPv6(address) || address.includes(".") || address.includes("%")) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** The bits of an address as one number. */
export function addressBits(address: string): bigint {
  if (isIPv4(address)) return address.split(".").reduce((n, part) => (n << 8n) | BigInt(part), 0n);
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const groups = (text: string): readonly string[] => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce((n, group) => (n << 16n) | BigInt(`0x${group}`), 0n);
}

/** What an address says about the network it is in. */
export interface AddressWithMask {
  readonly address: string;
  readonly netmask?: string;
  readonly prefix?: number;
}

/**
 * The length of the prefix: as said, by the mask, or what libvirt takes where nothing is said (the class of an IPv4
 * address, 64 for IPv6). undefined for a mask that is none.
 */
export function prefixOf({ address, netmask, prefix }: AddressWithMask): number | undefined {
  if (prefix !== undefined && prefix > 0) return prefix;
  if (netmask !== undefined) {
    const bits = addressBits(netmask).toString(2).padStart(32, "0");
    return /^1*0*$/.test(bits) ? bits.lastIndexOf("1") + 1 : undefined;
  }
  if (isIPv6(address)) return 64;
  const first = Number(address.split(".")[0]);
  if (first < 128) return 8;
  return first < 192 ? 16 : 24;
}

/** Whether both are of the same family and the same network. */
export function isInside(address: string, network: string, prefix: number): boolean {
  if (isIPv4(address) !== isIPv4(network)) return false;
  const width = isIPv4(address) ? 32 : 128;
  const drop = BigInt(Math.max(width - prefix, 0));
  return addressBits(address) >> drop === addressBits(network) >> drop;
}
