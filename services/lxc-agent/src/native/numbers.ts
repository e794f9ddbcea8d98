/** `1,2,5-7` as libvirt writes it: `1-2,5-7`. undefined when it is no list of numbers. */
export function normalisedCpus(text: string): string | undefined {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return undefined;
  const numbers = new Set<number>();
  for (const part of text.split(",")) {
    const [from = 0, to = from] = part.split("-").map(Number);
    if (to - from > 65_536) return undefined;
    for (let n = from; n <= to; n += 1) numbers.add(n);
  }
  const runs: [number, number][] = [];
  for (const n of [...numbers].toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(",");
}

const UNITS: Readonly<Record<string, bigint>> = { "": 0n, b: 0n, k: 10n, m: 20n, g: 30n, t: 40n };

/** `64M` or `8m` in bytes; undefined for what has another form, such as a percentage. */
export function bytesOf(text: string): bigint | undefined {
  const [, digits, unit = ""] = /^(\d{1,18})\s*([bkmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const shift = UNITS[unit.toLowerCase()];
  return digits === undefined || shift === undefined ? undefined : BigInt(digits) << shift;
}
