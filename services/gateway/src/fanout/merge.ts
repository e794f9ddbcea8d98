import { createHash } from "node:crypto";
import { VirtError } from "@virtmesh/core/errors";
import { comparePlaces, type Place, type Term, type Value } from "./order.ts";

/** One host's part of a page, in order. */
export interface HostPage<T> {
  readonly uri: string;
  readonly items: readonly T[];
  /** Token of the host's next page; empty when this was its last. */
  readonly nextToken: string;
}

/** How far a list over hosts has come: behind that place, with each host's own token where it has one. */
export interface Position {
  readonly last: Place | undefined;
  readonly tokens: Readonly<Record<string, string>>;
}

export const START: Position = { last: undefined, tokens: {} };

/**
 * One page out of many hosts' pages. What was given already is left out by its place, so that guests which come
 * and go between two pages neither repeat nor hide others. A host that has more pages bounds how far this one
 * may go: its next guest may come before another's. `next` is undefined at the end.
 */
export function mergePages<T>(
  pages: readonly HostPage<T>[],
  from: Position,
  size: number,
  order: readonly Term[],
  placeOf: (item: T) => Place,
): { readonly items: T[]; readonly next: Position | undefined } {
  const behind = (place: Place): boolean =>
    from.last === undefined || comparePlaces(place, from.last, order) > 0;
  const left = pages.map((page) => ({
    page,
    items: page.items.map((item) => ({ item, place: placeOf(item) })).filter(({ place }) => behind(place)),
  }));
  const bounds = left
    .filter(({ page }) => page.nextToken !== "")
    .map(({ page }) => page.items.at(-1))
    .flatMap((item) => (item === undefined ? [] : [placeOf(item)]));
  const bound = bounds.sort((a, b) => comparePlaces(a, b, order))[0];
  const chosen = left
    .flatMap(({ items }) => items)
    .filter(({ place }) => bound === undefined || comparePlaces(place, bound, order) <= 0)
    .sort((a, b) => comparePlaces(a.place, b.place, order))
    .slice(0, size);

  const last = chosen.at(-1)?.place ?? from.last;
  const given = (place: Place): boolean => last !== undefined && comparePlaces(place, last, order) <= 0;
  const unfinished = left.some(
    ({ page, items }) => page.nextToken !== "" || !items.every(({ place }) => given(place)),
  );
  if (!unfinished) return { items: chosen.map(({ item }) => item), next: undefined };

  const tokens: Record<string, string> = { ...from.tokens };
  for (const { page, items } of left) {
    if (page.nextToken !== "" && items.every(({ place }) => given(place))) tokens[page.uri] = page.nextToken;
  }
  return { items: chosen.map(({ item }) => item), next: { last, tokens } };
}

/** A token holds for one pattern, filter and order only. */
export function fingerprint(...parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("base64url").slice(0, 12);
}

export function writePosition(position: Position, query: string): string {
  const { last, tokens } = position;
  const place = last && [
    last.values.map((v) => (typeof v === "bigint" ? { big: String(v) } : v)),
    last.key,
    last.uri,
  ];
  return Buffer.from(JSON.stringify(["fleet", query, place ?? null, tokens])).toString("base64url");
}

/** @throws INVALID_PAGE_TOKEN. */
export function readPosition(token: string, query: string, terms: number): Position {
  if (token === "") return START;
  const parsed = parse(token);
  if (!Array.isArray(parsed) || parsed.length !== 4 || parsed[0] !== "fleet")
    throw bad("is not one that this list gave out");
  const [, from, place, tokens] = parsed as unknown[];
  if (from !== query)
    throw bad("belongs to another pattern, filter or order; keep them the same from page to page");
  if (typeof tokens !== "object" || tokens === null) throw bad("is not one that this list gave out");
  const entries = Object.entries(tokens).filter((e): e is [string, string] => typeof e[1] === "string");
  return { last: place === null ? undefined : readPlace(place, terms), tokens: Object.fromEntries(entries) };
}

function readPlace(place: unknown, terms: number): Place {
  if (!Array.isArray(place)) throw bad("is not one that this list gave out");
  const [values, key, uri] = place as unknown[];
  if (
    !Array.isArray(values) ||
    values.length !== terms ||
    typeof key !== "string" ||
    typeof uri !== "string"
  ) {
    throw bad("is not one that this list gave out");
  }
  return { values: values.map(readValue), key, uri };
}

function readValue(value: unknown): Value {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "object" && value !== null && "big" in value && /^\d+$/.test(String(value.big))) {
    return BigInt(String(value.big));
  }
  throw bad("is not one that this list gave out");
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch (cause) {
    throw bad("is not one that this list gave out", { cause });
  }
}

function bad(why: string, options?: ErrorOptions): VirtError {
  const violations = [{ field: "page_token", description: why }];
  return new VirtError("INVALID_PAGE_TOKEN", `the page token ${why}`, { violations }, options);
}
