import { matchesUriPattern, parseConnectionUri } from "../uri.ts";

/** A host as its agent last announced it. */
export interface Place {
  readonly uri: string;
  readonly host: string;
  readonly alive: boolean;
  readonly cordoned: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** What is neither used nor promised to guests there. */
  readonly freeMemoryBytes: bigint;
  /** Migrations it takes at once, and has. */
  readonly incomingLimit: number;
  readonly incoming: number;
}

/** Where guests may go. */
export interface Wanted {
  /** The host that is drained. */
  readonly from: string;
  /** Pattern of connection URIs; empty for all. */
  readonly destinations: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Hosts that may be chosen from, and a sentence for each of the others. */
export function placesFor(
  all: readonly Place[],
  wanted: Wanted,
): { readonly places: readonly Place[]; readonly passedOver: readonly string[] } {
  const places: Place[] = [];
  const passedOver: string[] = [];
  const { scheme, host } = parseConnectionUri(wanted.from);
  for (const place of all) {
    if (place.host === host || parseConnectionUri(place.uri).scheme !== scheme) continue;
    const why = objection(place, wanted);
    if (why === undefined) places.push(place);
    else passedOver.push(`${place.host} ${why}`);
  }
  return { places, passedOver };
}

function objection(place: Place, wanted: Wanted): string | undefined {
  if (!matchesUriPattern(wanted.destinations, place.uri)) return `is not covered by ${wanted.destinations}`;
  if (!place.alive) return "does not renew its lease";
  if (place.cordoned) return "is cordoned";
  const missing = Object.entries(wanted.labels).find(([name, value]) => place.labels[name] !== value);
  return missing === undefined ? undefined : `has not the label ${missing.join("=")}`;
}

/** A guest that needs a place. */
export interface Lodger {
  /** 0 for one that is off. */
  readonly memoryBytes: bigint;
  /** URIs where something stands in its way, and what. */
  readonly blockedAt: Readonly<Record<string, string>>;
  /** URIs where it failed: chosen again only when there is no other. */
  readonly failedAt: readonly string[];
}

/** What is on its way to a host, or has just arrived and is not in its lease yet. */
export interface Load {
  readonly bytes: bigint;
  readonly migrations: number;
}

export type Choice =
  | { readonly place: Place; readonly why: string }
  | { readonly place: undefined; readonly why: string };

/**
 * The host for a guest: one where it has not failed before, that can take it at once, and that keeps the most memory
 * free; of equals the first by name. `why` says so, or why there is none.
 */
export function choose(lodger: Lodger, places: readonly Place[], loadOf: (uri: string) => Load): Choice {
  const options = places.map((place) => {
    const load = loadOf(place.uri);
    const left = place.freeMemoryBytes - load.bytes - lodger.memoryBytes;
    return {
      place,
      left,
      blocked: lodger.blockedAt[place.uri],
      failed: lodger.failedAt.includes(place.uri),
      busy: Math.max(place.incoming, load.migrations) >= place.incomingLimit,
    };
  });
  const possible = options.filter(
    (o) => o.blocked === undefined && (lodger.memoryBytes === 0n || o.left >= 0n),
  );
  const [best, ...others] = possible.toSorted(
    (a, b) =>
      Number(a.failed) - Number(b.failed) ||
      Number(a.busy) - Number(b.busy) ||
      Number(b.left > a.left) - Number(b.left < a.left) ||
      (a.place.host < b.place.host ? -1 : 1),
  );
  if (best === undefined) {
    const why = options.map((o) => `${o.place.host}: ${o.blocked ?? `lacks ${mib(-o.left)} of memory`}`);
    return { place: undefined, why: why.length === 0 ? "there is no host to go to" : why.join("; ") };
  }
  const note = (o: (typeof possible)[number]): string =>
    `${o.place.host} keeps ${mib(o.left)} free${o.failed ? ", but it failed there" : o.busy ? ", but takes no more at the moment" : ""}`;
  return { place: best.place, why: [best, ...others].map(note).join("; ") };
}

function mib(bytes: bigint): string {
  return `${bytes / 2n ** 20n} MiB`;
}
