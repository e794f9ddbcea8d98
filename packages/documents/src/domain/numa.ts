import { cpuset, int, oneOf, yesNo } from "../schema/kinds.ts";
import { amountAttribute, attribute, child, listChild, maybe, optional, repeated } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import type { XmlElement } from "../xml/tree.ts";
import { elementsOf } from "../xml/tree.ts";

export const numaCacheSchema = element({
  level: attribute("level", int(1)),
  associativity: maybe("associativity", oneOf("none", "direct", "full")),
  policy: maybe("policy", oneOf("none", "writeback", "writethrough")),
  size: optional(child("size", element({ bytes: amountAttribute("value") }))),
  line: optional(child("line", element({ bytes: amountAttribute("value", { assumed: "B", written: "B" }) }))),
});

/** How far the memory of other nodes is, 10 for the node's own. */
export const distances = {
  distances: optional(
    listChild(
      "distances",
      "sibling",
      element({ id: attribute("id", int()), value: attribute("value", int(10, 255)) }),
    ),
  ),
} as const;

const cellSchema = element({
  id: maybe("id", int()),
  cpus: maybe("cpus", cpuset),
  bytes: amountAttribute("memory"),
  memAccess: maybe("memAccess", oneOf("shared", "private")),
  discard: maybe("discard", yesNo),
  ...distances,
  caches: repeated("cache", numaCacheSchema),
});

const ends = {
  initiator: attribute("initiator", int()),
  target: attribute("target", int()),
  cache: maybe("cache", int(1)),
  type: attribute("type", oneOf("access", "read", "write")),
} as const;

export const interconnects = {
  interconnects: optional(
    child(
      "interconnects",
      element({
        /** In nanoseconds. */
        latencies: repeated("latency", element({ ...ends, value: attribute("value", int(1)) })),
        /** Bytes a second. */
        bandwidths: repeated("bandwidth", element({ ...ends, bytes: amountAttribute("value") })),
      }),
    ),
  ),
} as const;

/** The guest's nodes and the ways between them. */
export const numaSchema = element({
  cells: repeated("cell", cellSchema),
  ...interconnects,
});

/** A guest whose nodes say how much memory they have need not say it once more. */
export function memoryOfCells(domain: XmlElement): { readonly bytes: bigint } | undefined {
  const [cpu] = elementsOf(domain).filter((child) => child.name === "cpu");
  const [numa] = cpu === undefined ? [] : elementsOf(cpu).filter((child) => child.name === "numa");
  if (numa === undefined) return undefined;
  return { bytes: numaSchema.read(numa).cells.reduce((sum, { bytes }) => sum + bytes, 0n) };
}

const memoryMode = oneOf("strict", "preferred", "interleave", "restrictive");

/** On which nodes of the host the memory lies. */
export const numatuneSchema = element({
  memory: optional(
    child(
      "memory",
      element({
        mode: maybe("mode", memoryMode),
        placement: maybe("placement", oneOf("static", "auto")),
        nodeset: maybe("nodeset", cpuset),
      }),
    ),
  ),
  memnodes: repeated(
    "memnode",
    element({
      cellid: attribute("cellid", int()),
      mode: attribute("mode", memoryMode),
      nodeset: attribute("nodeset", cpuset),
    }),
  ),
});

export type Numa = ModelOf<typeof numaSchema>;
export type Numatune = ModelOf<typeof numatuneSchema>;
