import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { DeviceContext } from "./context.ts";
import { objectType } from "./context.ts";
import { numbersOf } from "./numbers.ts";
import type { HugepageMount } from "./runtime.ts";

/** Memory of the guest: all of it, that of one node, or a module that is plugged in. */
export interface MemoryNeed {
  /** Id of the object. */
  readonly id: string;
  readonly path: string;
  readonly bytes: bigint;
  /** The guest's node that it belongs to. */
  readonly node?: number;
  readonly access?: "shared" | "private";
  readonly discard?: boolean;
  readonly pageBytes?: bigint;
  /** Nodes of the host on which it lies. */
  readonly hostNodes?: string;
  /** The file or device that it is. */
  readonly file?: {
    readonly path: string;
    readonly pmem: boolean;
    readonly preallocated: boolean;
    readonly align?: bigint;
  };
  /** What was there before backends had names: a migration finds it by that. */
  readonly main?: boolean;
  /** It grows and shrinks while the guest runs, and is not taken from the host beforehand. */
  readonly elastic?: boolean;
}

const MIB = 1024n * 1024n;

/** Memory is given in whole MiB, rounded up. */
export function wholeMib(bytes: bigint): bigint {
  return roundedUp(bytes, MIB);
}

/** Modules of memory are given in whole pieces of 2 MiB, rounded up. */
export function wholeModule(bytes: bigint): bigint {
  return roundedUp(bytes, 2n * MIB);
}

function roundedUp(bytes: bigint, piece: bigint): bigint {
  return ((bytes + piece - 1n) / piece) * piece;
}

/** A page of the host; asking for "huge" pages of that size asks for none. */
const PAGE_BYTES = 4096n;

/** Of which pages the memory is made, and whether the document says so for this node in particular. */
export function pagesOf(
  c: DeviceContext,
  need: MemoryNeed,
): { readonly mount?: HugepageMount; readonly particular: boolean } {
  const pages = c.definition.memoryBacking?.hugepages;
  const own = pages?.find(
    (page) =>
      page.nodeset !== undefined && need.node !== undefined && numbersOf(page.nodeset).includes(need.node),
  );
  const general = pages?.find((page) => page.nodeset === undefined);
  const bytes = need.pageBytes ?? own?.bytes ?? general?.bytes;
  const asked =
    need.pageBytes !== undefined || own !== undefined || general !== undefined || pages?.length === 0;
  if (!asked || bytes === PAGE_BYTES) return { particular: false };
  const { hugepages } = c.runtime;
  const mount =
    bytes === undefined || bytes === 0n ? hugepages[0] : hugepages.find((m) => m.pageBytes === bytes);
  if (mount === undefined) {
    const size = bytes === undefined ? "" : ` of ${bytes / 1024n} KiB`;
    throw unsupported(
      "memoryBacking/hugepages",
      `this host has no file system of huge pages${size}; mount one`,
    );
  }
  return { mount, particular: need.pageBytes !== undefined || own !== undefined };
}

/** Whether the memory is taken from the host at once. */
export function isPreallocated(c: DeviceContext, need: MemoryNeed): boolean {
  if (c.definition.memoryBacking?.allocation?.mode === "immediate") return true;
  if (need.file !== undefined) return need.file.preallocated;
  return pagesOf(c, need).mount !== undefined;
}

/**
 * The object of that memory, and before it the threads that take it from the host's nodes. `plain` tells that QEMU
 * would make the same without one.
 */
export function memoryBackend(
  c: DeviceContext,
  need: MemoryNeed,
): { readonly objects: readonly Json[]; readonly plain: boolean } {
  const { definition } = c;
  const backing = definition.memoryBacking;
  const cell = definition.cpu?.numa?.cells.find((one, i) => (one.id ?? i) === need.node);
  const access = need.access ?? cell?.memAccess ?? backing?.access;
  const discard = need.discard ?? cell?.discard ?? (backing?.discard === true ? true : undefined);
  const { mount, particular } = pagesOf(c, need);
  const source = sourceOf(c, need, access, mount, discard);
  const placement = hostPlacement(c, need);
  const prealloc = need.elastic !== true && isPreallocated(c, need);
  const threads = backing?.allocation?.threads;
  const context =
    prealloc && placement.nodes !== undefined && c.capabilities.objects.has("thread-context")
      ? { "qom-type": "thread-context", id: `tc-${need.id}`, "node-affinity": placement.nodes }
      : undefined;
  const memory: Json = {
    ...source,
    id: need.id,
    size: need.bytes,
    // What a migration from a QEMU without backends expects.
    "x-use-canonical-path-for-ramblock-id":
      need.main === true && source["qom-type"] !== "memory-backend-ram" ? false : undefined,
    prealloc: prealloc ? true : undefined,
    "prealloc-threads": prealloc && threads !== undefined && threads > 0 ? threads : undefined,
    "prealloc-context": context?.id,
    reserve: need.elastic === true ? false : undefined,
    align: need.file?.align,
    pmem: need.file?.pmem === true ? true : undefined,
    "host-nodes": placement.nodes,
    policy: placement.policy,
  };
  const plain =
    !particular &&
    need.file === undefined &&
    need.hostNodes === undefined &&
    !placement.particular &&
    access === undefined &&
    (backing?.source ?? "anonymous") === "anonymous" &&
    mount === undefined;
  return { objects: context === undefined ? [memory] : [context, memory], plain };
}

/** Where the bytes are: nowhere in particular, in a file without a name, or in a file. */
function sourceOf(
  c: DeviceContext,
  need: MemoryNeed,
  access: "shared" | "private" | undefined,
  mount: HugepageMount | undefined,
  discard: boolean | undefined,
): Json {
  const { definition, runtime } = c;
  const share = access === undefined ? undefined : access === "shared";
  const source = definition.memoryBacking?.source;
  const type = (name: string) => objectType(c, name, need.path);
  if (need.file !== undefined)
    return { "qom-type": type("memory-backend-file"), "mem-path": need.file.path, share };
  if (source === "memfd") {
    const pages = mount === undefined ? {} : { hugetlb: true, hugetlbsize: mount.pageBytes };
    return { "qom-type": type("memory-backend-memfd"), ...pages, share };
  }
  if (mount === undefined && access === undefined && source !== "file")
    return { "qom-type": type("memory-backend-ram") };
  const folder = mount === undefined ? runtime.memoryDirectory : mount.path;
  const file = mount === undefined ? `/${need.id}` : "";
  return {
    "qom-type": type("memory-backend-file"),
    "mem-path": `${guestMemoryFolder(folder, definition)}${file}`,
    "discard-data": discard,
    share,
  };
}

/** The guest's own folder where memory of guests is files. */
export function guestMemoryFolder(folder: string, { uuid }: IdentifiedDomain): string {
  return `${folder}/virtmesh/${uuid}`;
}

const POLICIES = {
  strict: "bind",
  preferred: "preferred",
  interleave: "interleave",
  restrictive: undefined,
} as const;

/** On which nodes of the host the memory lies, and how strictly. */
function hostPlacement({ definition }: DeviceContext, need: MemoryNeed) {
  const { numatune } = definition;
  const own = need.node === undefined ? undefined : numatune?.memnodes.find((n) => n.cellid === need.node);
  const mode = own?.mode ?? numatune?.memory?.mode ?? "strict";
  const set =
    need.hostNodes ??
    own?.nodeset ??
    (numatune?.memory?.placement === "auto" ? undefined : numatune?.memory?.nodeset);
  const policy = POLICIES[mode];
  // Restrictive is a matter of the host's groups of processes alone.
  if (set === undefined || policy === undefined) return { particular: own !== undefined };
  return { nodes: numbersOf(set), policy, particular: true };
}
