/** `0-3,^2,8` as the numbers it names; undefined where it names none, or more than could be meant. */
export function numbersOf(set: string): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  for (const part of set.split(",").map((p) => p.trim())) {
    const [, without, first = "", last = first] = /^(\^?)(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === "" || Number(last) < Number(first) || Number(last) > 65_535) return undefined;
    for (let n = Number(first); n <= Number(last); n++) {
      if (without === "^") found.delete(n);
      else found.add(n);
    }
  }
  return found.size === 0 ? undefined : found;
}

export function overlap(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return !a.isDisjointFrom(b);
}

export function same(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}
