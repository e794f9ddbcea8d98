import type { Metrics } from "@virtmesh/kit/metrics";
import type { MeshLogger } from "@virtmesh/mesh/logger";

/** Something that is there and that nothing written down speaks of. */
export interface Leftover {
  readonly kind:
    | "run-folder"
    | "storage-daemon"
    | "incoming-record"
    | "image"
    | "unfinished-file"
    | "tap"
    | "process"
    | "export";
  /** A path, or the name of what is no file. */
  readonly what: string;
  /** `left`: it only looks like ours, or cannot be removed. */
  readonly outcome: "removed" | "left";
  readonly why: string;
}

/** Says what was found, thing by thing in the log and counted in `virtmesh_leftovers`. */
export function reportLeftovers(
  found: readonly Leftover[],
  logger: MeshLogger,
  metrics: Metrics | undefined,
): void {
  const gauge = metrics?.gauge({
    name: "virtmesh_leftovers",
    help: "What the agent found at its start that nothing written down speaks of, by kind and what became of it",
    labels: ["kind", "outcome"],
  });
  for (const leftover of found) {
    gauge?.inc({ kind: leftover.kind, outcome: leftover.outcome });
    if (leftover.outcome === "removed") logger.info({ ...leftover }, "a leftover was removed");
    else logger.warn({ ...leftover }, "something that looks like a leftover was left alone; look at it");
  }
}
