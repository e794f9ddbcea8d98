import { parseUuid } from "@virtmesh/core/ids";

/** How the text of an attribute or element is a value. */
export interface Kind<T> {
  /** What is allowed, for messages: `a whole number from 0 to 31`. */
  readonly expected: string;
  /** Which texts are of this kind, for those who make some up. */
  readonly texts?: Texts;
  /** undefined when the text is not one. */
  parse(text: string): T | undefined;
  format(value: T): string;
}

export type Texts =
  | { readonly names: readonly string[] }
  | { readonly from: bigint; readonly to: bigint }
  | { readonly shape: RegExp };

export const text: Kind<string> = {
  expected: "text",
  texts: { shape: /^[ -~äß漢]{0,12}$/ },
  parse: (t) => t,
  format: (v) => v,
};

export const nonEmpty: Kind<string> = {
  expected: "text that is not empty",
  texts: { shape: /^[!-~äß漢][ -~äß漢]{0,11}$/ },
  parse: (t) => (t === "" ? undefined : t),
  format: (v) => v,
};

/** One of the names given, and the type of exactly those. */
export function oneOf<const N extends string>(...names: readonly N[]): Kind<N> {
  return {
    expected: names.join(", "),
    texts: { names },
    parse: (t) => names.find((n) => n === t.trim()),
    format: (v) => v,
  };
}

function flagKind(yes: string, no: string): Kind<boolean> {
  return {
    expected: `${yes} or ${no}`,
    texts: { names: [yes, no] },
    parse: (t) => (t === yes ? true : t === no ? false : undefined),
    format: (v) => (v ? yes : no),
  };
}

export const yesNo = flagKind("yes", "no");
export const onOff = flagKind("on", "off");

/** A whole number that JavaScript holds exactly. libvirt reads decimal only where it does not say hexadecimal. */
export function int(min = 0, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    expected:
      max === Number.MAX_SAFE_INTEGER
        ? `a whole number of at least ${min}`
        : `a whole number from ${min} to ${max}`,
    texts: { from: BigInt(min), to: BigInt(max) },
    parse: (t) => {
      const digits = t.trim();
      if (!/^[+-]?\d{1,16}$/.test(digits)) return undefined;
      const n = Number(digits);
      return n >= min && n <= max ? n : undefined;
    },
    format: String,
  };
}

/** A whole number as in addresses: read in decimal or with 0x, written with 0x and that many digits. */
export function hex(max: number, digits: number): Kind<number> {
  return {
    expected: `a number from 0x0 to 0x${max.toString(16)}`,
    texts: { from: 0n, to: BigInt(max) },
    parse: (t) => {
      const n = /^(0x[0-9a-f]{1,14}|\d{1,16})$/i.test(t.trim()) ? Number(t.trim()) : undefined;
      return n !== undefined && n <= max ? n : undefined;
    },
    format: (v) => `0x${v.toString(16).padStart(digits, "0")}`,
  };
}

/** As `hex`, up to 64 bits. */
export function bigHex(digits: number, max = (1n << 64n) - 1n): Kind<bigint> {
  return {
    expected: `a number from 0x0 to 0x${max.toString(16)}`,
    texts: { from: 0n, to: max },
    parse: (t) => {
      const n = /^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(t.trim()) ? BigInt(t.trim()) : undefined;
      return n !== undefined && n <= max ? n : undefined;
    },
    format: (v) => `0x${v.toString(16).padStart(digits, "0")}`,
  };
}

/** A whole number of 64 bits with a sign. */
export const signed: Kind<bigint> = {
  expected: "a whole number from -2^63 to 2^63-1",
  texts: { from: -(1n << 63n), to: (1n << 63n) - 1n },
  parse: (t) => {
    const n = /^[+-]?\d{1,19}$/.test(t.trim()) ? BigInt(t.trim().replace("+", "")) : undefined;
    return n !== undefined && BigInt.asIntN(64, n) === n ? n : undefined;
  },
  format: String,
};

/** Text of that shape. */
export function pattern(expected: string, shape: RegExp): Kind<string> {
  return {
    expected,
    texts: { shape },
    parse: (t) => (shape.test(t.trim()) ? t.trim() : undefined),
    format: (v) => v,
  };
}

/** Numbers of CPUs or nodes, as ranges, single ones and exceptions. */
export const cpuset = pattern(
  "numbers such as 0-3,^2,8",
  /^\^?\d{1,5}(-\d{1,5})?(, *\^?\d{1,5}(-\d{1,5})?)*$/,
);

/** A whole number of up to 64 bits. */
export const big: Kind<bigint> = {
  expected: "a whole number below 2^64",
  texts: { from: 0n, to: (1n << 64n) - 1n },
  parse: (t) => {
    if (!/^\+?\d{1,20}$/.test(t.trim())) return undefined;
    const n = BigInt(t.trim());
    return n < 1n << 64n ? n : undefined;
  },
  format: String,
};

/** Read with or without hyphens, kept in lower case with them. */
export const uuid: Kind<string> = {
  expected: "a UUID",
  texts: { shape: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ },
  parse: (t) => parseUuid(t.trim()),
  format: (v) => v,
};

/** Kept in lower case, two digits a byte. */
export const mac: Kind<string> = {
  expected: "a MAC address such as 52:54:00:12:34:56",
  texts: { shape: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/ },
  parse: (t) => {
    const bytes = t.trim().toLowerCase().split(":");
    if (bytes.length !== 6 || !bytes.every((b) => /^[0-9a-f]{1,2}$/.test(b))) return undefined;
    return bytes.map((b) => b.padStart(2, "0")).join(":");
  },
  format: (v) => v,
};

/** Factors of libvirt's units; those with B are powers of ten, those with iB or one letter powers of two. */
const UNITS: ReadonlyMap<string, bigint> = new Map([
  ["b", 1n],
  ["byte", 1n],
  ["bytes", 1n],
  ...["k", "m", "g", "t", "p", "e"].flatMap((prefix, i): [string, bigint][] => {
    const binary = 1024n ** BigInt(i + 1);
    return [
      [prefix, binary],
      [`${prefix}ib`, binary],
      [`${prefix}b`, 1000n ** BigInt(i + 1)],
    ];
  }),
]);

/** Bytes in one of a unit such as KiB, MB or G; undefined for what is none. */
export function unitBytes(unit: string): bigint | undefined {
  return UNITS.get(unit.trim().toLowerCase());
}
