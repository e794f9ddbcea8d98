/** The numbers that a list such as `0-3,^2,8` means, in order. */
export function numbersOf(list: string): readonly number[] {
  const numbers = new Set<number>();
  for (const part of list.split(",")) {
    const [, not, first = "", last = first] = /^\s*(\^?)(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    for (let n = Number(first); n <= Number(last); n += 1) {
      if (not === "^") numbers.delete(n);
      else numbers.add(n);
    }
  }
  return [...numbers].toSorted((a, b) => a - b);
}

/** The same as ranges: `0-1`, `3`, `8`. */
export function rangesOf(list: string): readonly string[] {
  const ranges: [number, number][] = [];
  for (const n of numbersOf(list)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else ranges.push([n, n]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`));
}
