import { randomUUID } from "node:crypto";
import { document } from "../schema/document.ts";
import { int, oneOf, pattern, uuid } from "../schema/kinds.ts";
import { attribute, defaulted, maybe, optional, textChild } from "../schema/parts.ts";
import { refuseAt } from "../schema/refuse.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { namedVariant, namedVariants } from "../schema/variants.ts";
import { PROTOCOLS } from "./protocols.ts";
import { filterName, filterReference, sortedParameters } from "./reference.ts";

const priority = int(-1000, 1000);

/** Chains of ebtables that a filter can be in, with the place each has when nothing is said. */
const CHAINS = {
  root: 0,
  mac: -800,
  vlan: -750,
  ipv4: -700,
  ipv6: -600,
  arp: -500,
  rarp: -400,
  stp: 0,
} as const;
const CHAIN = /^(root|(mac|stp|vlan|arp|rarp|ipv4|ipv6)[A-Za-z0-9_.:-]*)$/;
/** ebtables has room for so much of a chain's name. */
const LONGEST_CHAIN = 12;

const rule = {
  action: attribute("action", oneOf("drop", "accept", "reject", "continue", "return")),
  direction: attribute("direction", oneOf("in", "out", "inout")),
  priority: defaulted(attribute("priority", priority), 500),
  /** Said only to switch it off. */
  stateMatch: maybe("statematch", {
    expected: "false or 0",
    texts: { names: ["false"] },
    parse: (t) => (/^(false|0)$/i.test(t) ? false : undefined),
    format: () => "false",
  }),
  protocol: optional(namedVariant("name", PROTOCOLS)),
} as const;

/** The `<filter>` document: what may leave and reach the interfaces of guests. */
export const nwfilterSchema = element({
  name: attribute("name", filterName),
  chain: defaulted(
    attribute(
      "chain",
      pattern("root, or a name that begins with mac, stp, vlan, arp, rarp, ipv4 or ipv6", CHAIN),
    ),
    "root",
  ),
  priority: maybe("priority", priority),
  uuid: optional(textChild("uuid", uuid)),
  entries: namedVariants("kind", { rule, filterref: filterReference }),
});

/** A `<filter>` document as a value. */
export interface NwfilterDefinition extends ModelOf<typeof nwfilterSchema> {}

const nwfilterDocument = document("filter", nwfilterSchema, ({ chain }) => {
  if (chain.length > LONGEST_CHAIN)
    refuseAt("/filter/@chain", `the chain "${chain}" is longer than ${LONGEST_CHAIN} characters`);
});

/**
 * Reads and checks a network filter.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseNwfilter(xml: string): NwfilterDefinition {
  return nwfilterDocument.parse(xml);
}

export function formatNwfilter(filter: NwfilterDefinition): string {
  return nwfilterDocument.format(filter);
}

/** Writes down what libvirt takes where nothing is said. */
export function completeNwfilter(filter: NwfilterDefinition): NwfilterDefinition {
  const place = filter.priority ?? placeOf(filter.chain);
  const { priority: _, ...rest } = filter;
  return {
    ...rest,
    uuid: filter.uuid ?? randomUUID(),
    ...(place === 0 ? {} : { priority: place }),
    entries: filter.entries.map((entry) =>
      entry.kind === "rule"
        ? withoutYes(entry)
        : { ...entry, parameters: sortedParameters(entry.parameters) },
    ),
  };
}

function placeOf(chain: string): number {
  const prefix = Object.entries(CHAINS).find(([name]) => chain.startsWith(name));
  return prefix?.[1] ?? 0;
}

type Rule = Extract<NwfilterDefinition["entries"][number], { readonly kind: "rule" }>;

/** `match='yes'` is said by leaving it out, and so is any match of nothing. */
function withoutYes(entry: Rule): Rule {
  if (entry.protocol === undefined) return entry;
  const { match, ...protocol } = entry.protocol;
  const looksAt = Object.keys(protocol).length > 1;
  return {
    ...entry,
    protocol: match === false && looksAt ? { ...protocol, match } : protocol,
  };
}
