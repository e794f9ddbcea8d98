import type { Numa } from "@virtmesh/documents/domain/numa";
import type { BuildContext } from "./context.ts";
import { unsupported } from "./arguments.ts";
import { memoryBackend, wholeMib } from "./memory-backends.ts";
import { rangesOf } from "./numbers.ts";

type Cell = Numa["cells"][number];

const ASSOCIATIVITY = { none: "none", direct: "direct", full: "complex" } as const;
const WRITE_POLICY = { none: "none", writeback: "write-back", writethrough: "write-through" } as const;
/** What of the memory's hierarchy a distance is to. */
const HIERARCHY = ["memory", "first-level", "second-level", "third-level"] as const;

/** -numa: the guest's nodes, with memory each, and the ways between them. */
export function numaArguments(c: BuildContext): void {
  const numa = c.definition.cpu?.numa;
  if (numa === undefined) return;
  const hmat = hasHmat(numa);
  const first = numa.cells.findIndex((cell) => cell.cpus !== undefined);
  if (first < 0) throw unsupported("cpu/numa", "at least one node must have processors");
  for (const [i, cell] of numa.cells.entries()) {
    const id = `ram-node${i}`;
    const { objects } = memoryBackend(c, {
      id,
      path: `cpu/numa/cell[${i + 1}]`,
      bytes: wholeMib(cell.bytes),
      node: i,
    });
    for (const object of objects) c.args.json("-object", object);
    c.args.options("-numa", "node", {
      nodeid: i,
      cpus: cell.cpus === undefined ? [] : rangesOf(cell.cpus),
      initiator: hmat ? initiatorOf(numa, i, first) : undefined,
      memdev: id,
    });
  }
  distances(c, numa);
  if (hmat) heterogeneous(c, numa);
}

/** Whether the guest is told about speeds and caches of its memory. */
export function hasHmat({ cells, interconnects }: Numa): boolean {
  return interconnects !== undefined || cells.some((cell) => cell.caches.length > 0);
}

/** The node whose processors use this one's memory best. */
function initiatorOf({ cells, interconnects }: Numa, node: number, first: number): number {
  if (cells[node]?.cpus !== undefined) return node;
  const ways = [...(interconnects?.latencies ?? []), ...(interconnects?.bandwidths ?? [])];
  const toIt = ways.filter((way) => way.target === node && way.cache === undefined);
  const fastest = interconnects?.latencies.filter((way) => way.target === node && way.cache === undefined);
  const best = fastest?.toSorted((a, b) => a.value - b.value)[0] ?? toIt[0];
  return best?.initiator ?? first;
}

/** All of them, as soon as one is said: those left out are 10 to itself and 20 to others, or as the way back. */
function distances({ args }: BuildContext, { cells }: Numa): void {
  if (!cells.some((cell) => cell.distances !== undefined)) return;
  const said = (from: Cell | undefined, to: number) => from?.distances?.find((d) => d.id === to)?.value;
  for (const [src, from] of cells.entries()) {
    for (const [dst, to] of cells.entries()) {
      const val = said(from, dst) ?? said(to, src) ?? (src === dst ? 10 : 20);
      args.options("-numa", "dist", { src, dst, val });
    }
  }
}

function heterogeneous({ args }: BuildContext, { cells, interconnects }: Numa): void {
  const where = (way: {
    readonly initiator: number;
    readonly target: number;
    readonly cache?: number;
    readonly type: string;
  }) => ({
    initiator: way.initiator,
    target: way.target,
    hierarchy: HIERARCHY[way.cache ?? 0],
  });
  for (const way of interconnects?.latencies ?? []) {
    args.options("-numa", "hmat-lb", {
      ...where(way),
      "data-type": `${way.type}-latency`,
      latency: way.value,
    });
  }
  for (const way of interconnects?.bandwidths ?? []) {
    const bandwidth = `${way.bytes / 1024n}K`;
    args.options("-numa", "hmat-lb", { ...where(way), "data-type": `${way.type}-bandwidth`, bandwidth });
  }
  for (const [i, cell] of cells.entries()) {
    for (const cache of cell.caches) {
      args.options("-numa", "hmat-cache", {
        "node-id": i,
        size: `${(cache.size?.bytes ?? 0n) / 1024n}K`,
        level: cache.level,
        associativity: ASSOCIATIVITY[cache.associativity ?? "none"],
        policy: WRITE_POLICY[cache.policy ?? "none"],
        line: cache.line === undefined ? undefined : cache.line.bytes,
      });
    }
  }
}
