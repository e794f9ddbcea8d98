import { createHash } from "node:crypto";
import { VirtError } from "@virtmesh/core/errors";
import type { Fields, FieldValue } from "./fields.ts";
import { compileFilter } from "./filter.ts";
import type { OrderTerm } from "./order.ts";
import { compareValues, parseOrder } from "./order.ts";

export interface PageRequest {
  /** 0 means `defaultSize`; more than `maxSize` means `maxSize`. */
  readonly pageSize: number;
  readonly pageToken: string;
  readonly filter: string;
  readonly orderBy: string;
}

export interface Listing<T> {
  readonly fields: Fields<T>;
  /** The last resort of every order; no two items have the same. */
  readonly keyOf: (item: T) => string;
  /** What an empty `order_by` means. */
  readonly defaultOrder: string;
  readonly defaultSize: number;
  readonly maxSize: number;
}

export interface Page<T> {
  readonly items: T[];
  readonly nextPageToken: string;
}

/** Where a page ended: the order's values and the key of its last item. */
interface Place {
  readonly values: readonly FieldValue[];
  readonly key: string;
}

/**
 * One page of a list. A token names the last item given, not a number of items, so that nothing is given twice or
 * left out when others come and go between two pages.
 */
export function pageOf<T>(all: Iterable<T>, request: PageRequest, listing: Listing<T>): Page<T> {
  if (request.pageSize < 0) {
    throw new VirtError(
      "INVALID_FIELD",
      `a page of ${request.pageSize} items cannot be, page_size must not be negative`,
      {
        violations: [{ field: "page_size", description: "must not be negative" }],
      },
    );
  }
  const size = Math.min(request.pageSize || listing.defaultSize, listing.maxSize);
  const accept = compileFilter(request.filter, listing.fields);
  const order = parseOrder(request.orderBy || listing.defaultOrder, listing.fields);
  const query = fingerprint(request.filter, request.orderBy);
  const from = request.pageToken === "" ? undefined : readToken(request.pageToken, query, order.length);

  const places: { readonly item: T; readonly place: Place }[] = [];
  for (const item of all) {
    if (!accept(item)) continue;
    const place = { values: order.map((term) => term.read(item)), key: listing.keyOf(item) };
    if (from && comparePlaces(place, from, order) <= 0) continue;
    places.push({ item, place });
  }
  places.sort((a, b) => comparePlaces(a.place, b.place, order));
  const page = places.slice(0, size);
  const last = places.length > size ? page.at(-1) : undefined;
  return { items: page.map((p) => p.item), nextPageToken: last ? writeToken(last.place, query) : "" };
}

function comparePlaces<T>(a: Place, b: Place, order: readonly OrderTerm<T>[]): number {
  for (const [i, term] of order.entries()) {
    const [left, right] = [a.values[i], b.values[i]];
    if (left === undefined || right === undefined) continue;
    const sign = compareValues(left, right);
    if (sign !== 0) return term.descending ? -sign : sign;
  }
  return compareValues(a.key, b.key);
}

/** A token holds for one filter and order only. */
function fingerprint(filter: string, orderBy: string): string {
  return createHash("sha256").update(filter).update("\0").update(orderBy).digest("base64url").slice(0, 12);
}

function writeToken(place: Place, query: string): string {
  const values = place.values.map((v) => (typeof v === "bigint" ? { big: v.toString() } : v));
  return Buffer.from(JSON.stringify([query, place.key, values])).toString("base64url");
}

function readToken(token: string, query: string, terms: number): Place {
  const parsed = parseJson(Buffer.from(token, "base64url").toString());
  if (!Array.isArray(parsed) || parsed.length !== 3) throw badToken("is not one that a list gave out");
  const [from, key, values] = parsed as unknown[];
  if (from !== query)
    throw badToken("belongs to another filter or order, keep both the same from page to page");
  if (typeof key !== "string" || !Array.isArray(values) || values.length !== terms) {
    throw badToken("is not one that a list gave out");
  }
  return { key, values: values.map(readValue) };
}

function readValue(value: unknown): FieldValue {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "object" && value !== null && "big" in value && /^-?\d+$/.test(String(value.big))) {
    return BigInt(String(value.big));
  }
  throw badToken("is not one that a list gave out");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badToken("is not one that a list gave out", { cause });
  }
}

function badToken(why: string, options?: ErrorOptions): VirtError {
  return new VirtError(
    "INVALID_PAGE_TOKEN",
    `the page token ${why}`,
    { violations: [{ field: "page_token", description: why }] },
    options,
  );
}
