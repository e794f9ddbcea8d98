import type { Entry } from "./graph.ts";
import { sameValue } from "./values.ts";

/** One way in which two command lines differ: `kind` is the same for the same difference in another case. */
export interface Difference {
  readonly kind: string;
  readonly detail: string;
}

/** What differs between the expected command line and the one that was built; nothing when they mean the same. */
export function compareGraphs(expected: readonly Entry[], built: readonly Entry[]): readonly Difference[] {
  const { pairs, missing, extra } = pair(expected, built);
  return [
    ...pairs.flatMap(([a, b]) => compareEntries(a, b)),
    ...missing.map((e) => ({ kind: `${e.label}: missing`, detail: `at ${e.place}: ${text(e.properties)}` })),
    ...extra.map((e) => ({
      kind: `${e.label}: not expected`,
      detail: `at ${e.place}: ${text(e.properties)}`,
    })),
  ];
}

/** Entries of one label belong together by their place, and what is left by its order. */
function pair(expected: readonly Entry[], built: readonly Entry[]) {
  const left = new Set(built);
  const take = (matches: (b: Entry) => boolean): Entry | undefined => {
    const found = [...left].find(matches);
    if (found !== undefined) left.delete(found);
    return found;
  };
  const pairs: [Entry, Entry][] = [];
  const unplaced: Entry[] = [];
  for (const e of expected) {
    const found = take((b) => b.label === e.label && b.place === e.place);
    if (found === undefined) unplaced.push(e);
    else pairs.push([e, found]);
  }
  const missing: Entry[] = [];
  for (const e of unplaced) {
    const found = take((b) => b.label === e.label);
    if (found === undefined) missing.push(e);
    else pairs.push([e, found]);
  }
  return { pairs, missing, extra: [...left] };
}

function compareEntries(expected: Entry, built: Entry): readonly Difference[] {
  const names = new Set([...expected.properties.keys(), ...built.properties.keys()]);
  return [...names].flatMap((name): Difference[] => {
    const [a, b] = [expected.properties.get(name), built.properties.get(name)];
    if (sameValue(a, b)) return [];
    const what = b === undefined ? "missing" : a === undefined ? "not expected" : "differs";
    return [
      {
        kind: `${expected.label}: property ${name} ${what}`,
        detail: `at ${expected.place}: ${a ?? "nothing"} expected, ${b ?? "nothing"} built`,
      },
    ];
  });
}

function text(properties: ReadonlyMap<string, string>): string {
  return [...properties].map(([name, value]) => `${name}=${value}`).join(",");
}
