/** `0-3,^2,8` as numbers. */
export function numbersOf(set: string): readonly number[] {
  const numbers = new Set<number>();
  for (const part of set.split(",").map((p) => p.trim())) {
    if (part === "") continue;
    const [from = 0, to = from] = part.replace("^", "").split("-").map(Number);
    for (let n = from; n <= to; n += 1) {
      if (part.startsWith("^")) numbers.delete(n);
      else numbers.add(n);
    }
  }
  return [...numbers].toSorted((a, b) => a - b);
}

/** Numbers in order, as `0-1,3,8`. */
export function rangesOf(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    let j = i;
    while (numbers[j + 1] === (numbers[j] ?? 0) + 1) j += 1;
    parts.push(i === j ? String(numbers[i]) : `${numbers[i]}-${numbers[j]}`);
    i = j + 1;
  }
  return parts.join(",");
}

/** The same numbers, written as ranges in order. */
export function normalSet(set: string): string {
  return rangesOf(numbersOf(set));
}

/** The same as a set; undefined when it names no number. */
export function setOf(set: string): ReadonlySet<number> | undefined {
  const numbers = numbersOf(set);
  return numbers.length === 0 ? undefined : new Set(numbers);
}

export function overlap(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return !a.isDisjointFrom(b);
}

export function same(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}
