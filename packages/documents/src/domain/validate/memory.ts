import type { DomainDefinition } from "../model.ts";
import { setOf, overlap } from "../number-sets.ts";
import { isQemu, numbered, refuse } from "./refuse.ts";

const MIB = 1024n * 1024n;

/** Memory, the pages it is made of, and the modules beside it. */
export function checkMemory(definition: DomainDefinition): void {
  const { memory, currentMemory, maxMemory } = definition;
  if (memory.bytes === 0n && isQemu(definition))
    refuse("memory", "the guest has no memory", "say how much, such as <memory unit='MiB'>512</memory>");
  if (currentMemory !== undefined && currentMemory.bytes > memory.bytes) {
    refuse("currentMemory", `${currentMemory.bytes} bytes are more than the ${memory.bytes} of <memory>`);
  }
  if (maxMemory !== undefined) {
    if (maxMemory.bytes < memory.bytes)
      refuse("maxMemory", `${maxMemory.bytes} bytes are less than the ${memory.bytes} of <memory>`);
    const nodes = definition.cpu?.numa?.cells.length ?? 0;
    if (
      nodes === 0 &&
      definition.devices.memories.length > 0 &&
      isQemu(definition) &&
      !isPower(definition.os.type.arch)
    )
      refuse("maxMemory", "a guest without nodes has no room for modules", "add <numa> to <cpu>");
    if (maxMemory.slots === undefined && maxMemory.bytes > 0n)
      refuse("maxMemory", "it is not said how many modules fit", "add slots='16'");
  }
  checkHugepages(definition);
  checkModules(definition);
}

function checkHugepages({ memoryBacking, cpu }: DomainDefinition): void {
  const pages = memoryBacking?.hugepages ?? [];
  const nodes = cpu?.numa?.cells.length ?? 0;
  for (const [page, path] of numbered(pages, "memoryBacking/hugepages/page")) {
    const set = nodesOf(page, nodes);
    for (const other of pages.slice(0, pages.indexOf(page))) {
      const others = nodesOf(other, nodes);
      if (set === undefined && others === undefined)
        refuse(path, "two sizes of pages are for all nodes", "say which nodes with nodeset");
      if (set !== undefined && others !== undefined && overlap(set, others))
        refuse(`${path}/@nodeset`, `pages of another size are for some of the nodes ${page.nodeset}`);
    }
    const missing = [...(set ?? [])].find((node) => node >= nodes);
    if (missing !== undefined)
      refuse(`${path}/@nodeset`, `the guest has no node ${missing}, it has ${nodes}`);
  }
}

/** Node 0 of a guest without nodes is all of it. */
function nodesOf(page: { readonly nodeset?: string }, nodes: number): ReadonlySet<number> | undefined {
  if (page.nodeset === undefined || (nodes === 0 && page.nodeset === "0")) return undefined;
  return setOf(page.nodeset);
}

function checkModules({ cpu, os, maxMemory, devices }: DomainDefinition): void {
  const nodes = cpu?.numa?.cells.length ?? 0;
  for (const [module, path] of numbered(devices.memories, "devices/memory")) {
    const { model, target, source } = module;
    if (target.node !== undefined && target.node >= nodes)
      refuse(`${path}/target/node`, `the guest has no node ${target.node}, it has ${nodes}`);
    if (model === "nvdimm" || model === "virtio-pmem") {
      if (source?.path === undefined)
        refuse(path, `memory of model ${model} has no file`, "add <source><path>");
      if (module.discard === true) refuse(`${path}/@discard`, `memory of model ${model} cannot be discarded`);
    }
    if (model === "nvdimm" && isPower(os.type.arch) && target.label === undefined)
      refuse(`${path}/target`, "an nvdimm of pSeries needs a <label> with its size");
    if (model === "virtio-pmem" && module.access !== undefined && module.access !== "shared")
      refuse(`${path}/@access`, "memory of model virtio-pmem must be shared");
    if (model === "virtio-mem") checkGrowing(target, path);
    if (model === "dimm" && maxMemory === undefined)
      refuse(path, "a module of memory needs room", "add <maxMemory slots='..'>");
  }
}

type Target = DomainDefinition["devices"]["memories"][number]["target"];

function checkGrowing(target: Target, path: string): void {
  const { block = 2n * MIB, requested = 0n, size } = target;
  if (requested > size)
    refuse(`${path}/target/requested`, `${requested} bytes are more than its size, ${size}`);
  if (block === 0n || (block & (block - 1n)) !== 0n)
    refuse(`${path}/target/block`, `${block} bytes are no power of two`);
  if (requested % block !== 0n)
    refuse(`${path}/target/requested`, `${requested} bytes are not a multiple of the block, ${block}`);
}

export function isPower(arch: string | undefined): boolean {
  return arch === "ppc64" || arch === "ppc64le";
}
