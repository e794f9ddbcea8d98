import type { MigrationPlan, Tuning } from "@virtmesh/core/driver/migration";
import type { MigrationCapability, MigrationParameters } from "../qmp/commands.ts";

/** QEMU takes 0 bytes a second for "as good as nothing"; this is as good as no limit. */
const NO_LIMIT = 2 ** 43;
/** What QEMU starts with (migration/migration.c: DEFAULT_MIGRATE_SET_DOWNTIME, MAX_THROTTLE). */
const DEFAULT_DOWNTIME_MS = 300;
const DEFAULT_BANDWIDTH = 128 * 2 ** 20;

type CapabilityStates = readonly { readonly capability: MigrationCapability; readonly state: boolean }[];

/** Capabilities of both sides; `pause-before-switchover` lets the mirrors end while the CPUs stand still. */
export function capabilitiesOf(
  plan: MigrationPlan,
  side: "source" | "destination",
  versions: readonly [string, string],
): CapabilityStates {
  return [
    { capability: "events", state: true },
    { capability: "pause-before-switchover", state: side === "source" },
    { capability: "late-block-activate", state: true },
    { capability: "multifd", state: plan.parallelConnections > 1 },
    { capability: "xbzrle", state: plan.compression === "xbzrle" },
    { capability: "auto-converge", state: side === "source" && plan.autoConverge },
    { capability: "postcopy-ram", state: plan.postcopy !== undefined },
    // Pages that the guest waits for overtake the others.
    ...(versions.every(hasLatePreempt)
      ? [{ capability: "postcopy-preempt", state: plan.postcopy !== undefined } as const]
      : []),
  ];
}

/**
 * QEMU 7.1 brought `postcopy-preempt`, and 8.0 opens its connection when memory flows already. Before that it is opened
 * with the first one, in whatever order: the destination's main loop stands still for its TLS handshake, and answers no
 * mirror that the source waits for as it stops its CPUs, whose main loop then has none left for that handshake.
 */
function hasLatePreempt(version: string): boolean {
  return Number.parseInt(version, 10) >= 8;
}

/** As QEMU starts with them: what a migration that ended without moving the guest leaves behind. */
export const DEFAULT_PARAMETERS: MigrationParameters = {
  "max-bandwidth": DEFAULT_BANDWIDTH,
  "downtime-limit": DEFAULT_DOWNTIME_MS,
  "max-postcopy-bandwidth": 0,
  "tls-creds": "",
  "tls-hostname": "",
  "multifd-channels": 2,
  "multifd-compression": "none",
};

export function tuningParameters(tuning: Tuning): MigrationParameters {
  return {
    // 0 is without a limit here.
    "max-postcopy-bandwidth": Number(tuning.memoryBandwidth),
    "max-bandwidth": tuning.memoryBandwidth === 0n ? NO_LIMIT : Number(tuning.memoryBandwidth),
    "downtime-limit": Math.max(1, Math.round(tuning.maxDowntimeMs)),
  };
}

/** `tlsHostname`: the name to check in the other side's certificate; empty at the destination. */
export function parametersOf(
  plan: MigrationPlan,
  tlsCreds: string,
  tlsHostname: string,
): MigrationParameters {
  const multifd: MigrationParameters =
    plan.parallelConnections > 1
      ? {
          "multifd-channels": plan.parallelConnections,
          "multifd-compression":
            plan.compression === "zlib" || plan.compression === "zstd" ? plan.compression : "none",
        }
      : {};
  return { ...tuningParameters(plan.tuning), ...multifd, "tls-creds": tlsCreds, "tls-hostname": tlsHostname };
}
