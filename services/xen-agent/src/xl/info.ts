/** What `xl info` says of the host that is of use here. */
export interface XenInfo {
  readonly version: string;
  readonly cpus: number;
  /** Of memory. */
  readonly nodes: number;
  readonly totalMemoryMiB: number;
  readonly freeMemoryMiB: number;
  /** Kinds of guests and what Xen has for them: `pv`, `hvm`, `hap`, `shadow`, ... */
  readonly capabilities: readonly string[];
  /** `xen-3.0-x86_64`, `hvm-3.0-x86_32`, ... */
  readonly guestTypes: readonly string[];
}

/** `key : value`, a line each. */
export function parseInfo(text: string): XenInfo {
  const facts = new Map(
    text.split("\n").map((line): [string, string] => {
      const [key = "", ...value] = line.split(":");
      return [key.trim(), value.join(":").trim()];
    }),
  );
  const words = (key: string): readonly string[] =>
    (facts.get(key) ?? "").split(/\s+/).filter((word) => word !== "");
  return {
    version: facts.get("xen_version") ?? "",
    cpus: Number(facts.get("nr_cpus") ?? 0),
    nodes: Number(facts.get("nr_nodes") ?? 1),
    totalMemoryMiB: Number(facts.get("total_memory") ?? 0),
    freeMemoryMiB: Number(facts.get("free_memory") ?? 0),
    capabilities: words("virt_caps"),
    guestTypes: words("xen_caps"),
  };
}
