import type { DomainDefinition } from "../model.ts";
import { setOf, overlap } from "../number-sets.ts";
import { numbered, refuse } from "./refuse.ts";

/** The guest's nodes, and on which of the host's its memory lies. */
export function checkNuma(definition: DomainDefinition): void {
  checkCells(definition);
  checkNumatune(definition);
}

function checkCells({ cpu, vcpu }: DomainDefinition): void {
  const cells = cpu?.numa?.cells ?? [];
  const ids = new Set<number>();
  const taken = new Set<number>();
  for (const [cell, path] of numbered(cells, "cpu/numa/cell")) {
    const id = cell.id ?? ids.size;
    if (ids.has(id)) refuse(`${path}/@id`, `two nodes have the number ${id}`);
    if (id >= cells.length)
      refuse(`${path}/@id`, `node ${id} leaves a gap`, `nodes are numbered from 0 to ${cells.length - 1}`);
    ids.add(id);
    const cpus = cell.cpus === undefined ? undefined : setOf(cell.cpus);
    const beyond = [...(cpus ?? [])].find((n) => n >= vcpu.count);
    if (beyond !== undefined)
      refuse(`${path}/@cpus`, `the guest has no processor ${beyond}, it has ${vcpu.count}`);
    if (cpus !== undefined && overlap(cpus, taken))
      refuse(`${path}/@cpus`, `some of the processors ${cell.cpus} are in another node`);
    for (const n of cpus ?? []) taken.add(n);
    for (const sibling of cell.distances ?? []) {
      if (sibling.id >= cells.length) refuse(`${path}/distances/sibling`, `there is no node ${sibling.id}`);
    }
  }
}

function checkNumatune({ numatune, cpu, vcpu }: DomainDefinition): void {
  if (numatune === undefined) return;
  const { memory, memnodes } = numatune;
  if (memory !== undefined) {
    const placement = memory.placement ?? (memory.nodeset === undefined ? vcpu.placement : "static");
    if (memory.placement === "auto" && memory.nodeset !== undefined)
      refuse("numatune/memory/@nodeset", "with placement auto the nodes are chosen, not named");
    if (placement === "static" && memory.nodeset === undefined && memory.placement === "static")
      refuse("numatune/memory", "placement static needs to know which nodes", "add nodeset='0'");
    if (memory.nodeset !== undefined && setOf(memory.nodeset) === undefined)
      refuse("numatune/memory/@nodeset", `"${memory.nodeset}" names no node`);
    if (placement === "auto" && memnodes.length > 0)
      refuse("numatune/memnode", "nodes that are chosen automatically cannot be chosen one by one");
  }
  const cells = cpu?.numa?.cells.length ?? 0;
  const seen = new Set<number>();
  for (const [memnode, path] of numbered(memnodes, "numatune/memnode")) {
    if (cells === 0) refuse(path, "the guest has no nodes", "add <numa> to <cpu>");
    if (memnode.cellid >= cells)
      refuse(`${path}/@cellid`, `the guest has no node ${memnode.cellid}, it has ${cells}`);
    if (seen.has(memnode.cellid)) refuse(`${path}/@cellid`, `node ${memnode.cellid} is there twice`);
    seen.add(memnode.cellid);
    if ((memory?.mode === "restrictive") !== (memnode.mode === "restrictive") && memory?.mode !== undefined)
      refuse(`${path}/@mode`, "the mode restrictive is for all of the memory or for none of it");
  }
}
