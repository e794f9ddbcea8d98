/** What a value says, as texts by path. */
export type Facts = Map<string, string>;

/** Writes down every text, number and flag of a value under its path. */
export function flatten(facts: Facts, path: string, value: unknown): Facts {
  if (value === undefined) return facts;
  if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value))
      flatten(facts, path === "" ? key : `${path}/${key}`, inner);
  } else {
    facts.set(path, `${value as string | number | bigint | boolean}`);
  }
  return facts;
}

export function factsOf(value: unknown): Facts {
  return flatten(new Map(), "", value);
}
