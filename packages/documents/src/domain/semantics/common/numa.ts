import type { DomainDraft } from "../walk.ts";
import { normalSet } from "../../number-sets.ts";

type Cell = NonNullable<NonNullable<DomainDraft["cpu"]>["numa"]>["cells"][number];

const LOCAL = 10;

/** Numbers the guest's nodes, and says both ways how far each is from the other when it is said one way. */
export function completeCells({ cpu }: DomainDraft): void {
  const numa = cpu?.numa;
  if (numa === undefined) return;
  numa.cells.forEach((cell, i) => {
    cell.id ??= i;
    if (cell.cpus !== undefined) cell.cpus = normalSet(cell.cpus);
  });
  numa.cells = numa.cells.toSorted((a, b) => (a.id ?? 0) - (b.id ?? 0));
  completeDistances(numa.cells);
}

function completeDistances(cells: readonly Cell[]): void {
  const known = new Map<string, number>();
  for (const { id: from = 0, distances } of cells)
    for (const { id: to, value } of distances ?? []) known.set(`${from} ${to}`, value);
  if (known.size === 0) return;
  for (const cell of cells) {
    const { id: from = 0 } = cell;
    const siblings = cells.flatMap(({ id: to = 0 }) => {
      const value =
        known.get(`${from} ${to}`) ?? known.get(`${to} ${from}`) ?? (from === to ? LOCAL : undefined);
      return value === undefined ? [] : [{ id: to, value }];
    });
    if (siblings.some(({ id }) => id !== from)) cell.distances = siblings;
  }
}
