import type { MigrationSample } from "../driver/migration.ts";
import type { SourcePhase, Trouble } from "./source-state.ts";

/** How far a migration is, as people see it. */
export interface Progress {
  readonly phase: SourcePhase;
  readonly disks: readonly DiskProgress[];
  readonly memoryTotalBytes: bigint;
  readonly memoryTransferredBytes: bigint;
  readonly memoryRemainingBytes: bigint;
  readonly dirtyBytesPerSecond: bigint;
  readonly throughputBytesPerSecond: bigint;
  readonly memoryPasses: number;
  /** 0 to 100; never falls (I8). */
  readonly percent: number;
  /** Milliseconds to the hand-over; undefined when unknown. */
  readonly etaMs?: number;
  readonly etaConfidence: "low" | "high";
  /** Why it does not come forward; empty when it does. */
  readonly stuckReason: string;
  /** When the percentage last rose, milliseconds since the epoch. */
  readonly advancedAtMs: number;
  readonly updatedAtMs: number;
  /** Post-copy was wanted: memory goes on being fetched after the hand-over. */
  readonly postcopy: boolean;
  /** Bytes a second that disks came forward lately, smoothed. */
  readonly diskBytesPerSecond: number;
}

export interface DiskProgress {
  readonly target: string;
  readonly totalBytes: bigint;
  readonly copiedBytes: bigint;
  readonly ready: boolean;
  readonly destinationPath: string;
}

/** No advance for this long is worth a reason. */
const STUCK_AFTER_MS = 5_000;
const SMOOTHING = 0.3;

export function noProgress(disks: readonly DiskProgress[], memoryBytes: bigint, nowMs: number): Progress {
  return {
    phase: "preparing",
    disks,
    memoryTotalBytes: memoryBytes,
    memoryTransferredBytes: 0n,
    memoryRemainingBytes: memoryBytes,
    dirtyBytesPerSecond: 0n,
    throughputBytesPerSecond: 0n,
    memoryPasses: 0,
    percent: 0,
    etaConfidence: "low",
    stuckReason: "",
    advancedAtMs: nowMs,
    updatedAtMs: nowMs,
    postcopy: false,
    diskBytesPerSecond: 0,
  };
}

/** What is known after a phase began or a sample was taken. */
export function advance(
  before: Progress,
  now: {
    readonly phase: SourcePhase;
    readonly sample?: MigrationSample;
    readonly ready?: readonly string[];
    readonly postcopy?: boolean;
    readonly trouble?: Trouble;
    readonly nowMs: number;
  },
): Progress {
  const { sample } = now;
  const disks = before.disks.map((d) => {
    const seen = sample?.disks.find((s) => s.target === d.target);
    const ready = d.ready || (now.ready?.includes(d.target) ?? false);
    const total = seen === undefined || seen.totalBytes === 0n ? d.totalBytes : seen.totalBytes;
    // Once every mirror has concluded, all of it is there, whatever the last look showed.
    const copied = isCopied(now.phase)
      ? total
      : seen === undefined
        ? d.copiedBytes
        : max(d.copiedBytes, seen.copiedBytes);
    return { ...d, totalBytes: total, copiedBytes: copied > total ? total : copied, ready };
  });
  const memory = sample !== undefined && sample.memoryTotalBytes > 0n ? sample : undefined;
  const seconds = Math.max(0.001, (now.nowMs - before.updatedAtMs) / 1000);
  const diskRate = Number(sum(disks, copied) - sum(before.disks, copied)) / seconds;
  const next = {
    phase: now.phase,
    disks,
    memoryTotalBytes: memory?.memoryTotalBytes ?? before.memoryTotalBytes,
    memoryTransferredBytes: max(before.memoryTransferredBytes, memory?.memoryTransferredBytes ?? 0n),
    memoryRemainingBytes: memory?.memoryRemainingBytes ?? before.memoryRemainingBytes,
    dirtyBytesPerSecond: memory?.dirtyBytesPerSecond ?? before.dirtyBytesPerSecond,
    throughputBytesPerSecond: memory?.throughputBytesPerSecond ?? before.throughputBytesPerSecond,
    memoryPasses: Math.max(before.memoryPasses, memory?.memoryPasses ?? 0),
    postcopy: before.postcopy || now.postcopy === true,
    diskBytesPerSecond:
      sample === undefined ? before.diskBytesPerSecond : smooth(before.diskBytesPerSecond, diskRate),
    updatedAtMs: now.nowMs,
  };
  const percent = Math.max(before.percent, percentOf(next));
  const advancedAtMs =
    percent > before.percent || now.phase !== before.phase ? now.nowMs : before.advancedAtMs;
  const etaMs = etaOf(next);
  return {
    ...next,
    percent,
    advancedAtMs,
    ...(etaMs === undefined ? {} : { etaMs }),
    etaConfidence: next.phase === "copying" && next.diskBytesPerSecond > 0 ? "high" : "low",
    stuckReason:
      now.trouble === undefined ? stuckReason(next, now.nowMs - advancedAtMs) : troubled(now.trouble),
  };
}

type Bare = Omit<Progress, "percent" | "etaMs" | "etaConfidence" | "stuckReason" | "advancedAtMs">;

function isCopied(phase: SourcePhase): boolean {
  return (
    phase === "loading" ||
    phase === "committing" ||
    phase === "deciding" ||
    phase === "resuming" ||
    phase === "pulling" ||
    phase === "stranded" ||
    phase === "losing" ||
    phase === "retiring" ||
    phase === "completed"
  );
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const copied = (d: DiskProgress): bigint => d.copiedBytes;
const total = (d: DiskProgress): bigint => d.totalBytes;
const sum = (disks: readonly DiskProgress[], of: (d: DiskProgress) => bigint): bigint =>
  disks.reduce((n, d) => n + of(d), 0n);

function smooth(before: number, now: number): number {
  return before === 0 ? now : before * (1 - SMOOTHING) + now * SMOOTHING;
}

/** Bytes weigh 3 to 95 percent, disks and memory alike; the hand-over has the rest. */
function percentOf(p: Bare): number {
  const disks = Number(sum(p.disks, total));
  const memory = Number(p.memoryTotalBytes);
  const all = disks + memory;
  const share = (done: number): number => 3 + (all === 0 ? 92 : (92 * done) / all);
  const memoryDone = memory - Math.min(memory, Number(p.memoryRemainingBytes));
  // With post-copy the hand-over comes on the way, and memory goes on.
  if (p.postcopy && isOnTheWay(p.phase)) return share(disks + memoryDone);
  switch (p.phase) {
    case "preparing":
      return 0;
    case "copying":
      return share(Number(sum(p.disks, copied)));
    case "sending":
    case "pulling":
    case "stranded":
      return share(disks + memoryDone);
    case "switching":
      return 96;
    case "committing":
      return 96;
    case "loading":
      return 97;
    case "deciding":
    case "inDoubt":
      return 98;
    case "resuming":
    case "retiring":
      return 99;
    case "completed":
      return 100;
    // How far it came says more than a number for going back.
    case "aborting":
    case "losing":
    case "failed":
    case "cancelled":
      return 0;
  }
}

function isOnTheWay(phase: SourcePhase): boolean {
  return phase === "switching" || phase === "committing" || phase === "deciding" || phase === "resuming";
}

function etaOf(p: Bare): number | undefined {
  const memoryRate = Number(p.throughputBytesPerSecond) - Number(p.dirtyBytesPerSecond);
  switch (p.phase) {
    case "copying": {
      if (p.diskBytesPerSecond <= 0) return undefined;
      const bytes = Number(sum(p.disks, total) - sum(p.disks, copied)) + Number(p.memoryTotalBytes);
      return Math.round((1000 * bytes) / p.diskBytesPerSecond);
    }
    case "sending":
      return memoryRate > 0 ? Math.round((1000 * Number(p.memoryRemainingBytes)) / memoryRate) : undefined;
    // The hand-over is behind it; this is the time to the last page.
    case "pulling": {
      const rate = Number(p.throughputBytesPerSecond);
      return rate > 0 ? Math.round((1000 * Number(p.memoryRemainingBytes)) / rate) : undefined;
    }
    case "switching":
    case "committing":
    case "loading":
    case "deciding":
    case "resuming":
      return 0;
    case "preparing":
    case "inDoubt":
    case "stranded":
    case "losing":
    case "retiring":
    case "aborting":
    case "completed":
    case "failed":
    case "cancelled":
      return undefined;
  }
}

function stuckReason(p: Bare, stillMs: number): string {
  if (p.phase === "inDoubt")
    return "it is not known whether the decision was recorded; the source stays paused until it is";
  if (p.phase === "stranded")
    return "the connection broke while memory was fetched: the guest stands still on what it lacks, and dies if either side is ended; it is tried again until it works";
  if (stillMs < STUCK_AFTER_MS) return "";
  switch (p.phase) {
    case "preparing":
      return "the destination is not ready yet";
    case "copying": {
      const behind = p.disks.filter((d) => !d.ready).map((d) => d.target);
      return `disk ${behind.join(", ")}: the guest writes as fast as it is copied, or the network stands still`;
    }
    case "sending":
      return p.dirtyBytesPerSecond >= p.throughputBytesPerSecond && p.throughputBytesPerSecond > 0n
        ? `the guest dirties ${mib(p.dirtyBytesPerSecond)} MiB/s and ${mib(p.throughputBytesPerSecond)} MiB/s are sent: raise the bandwidth or the downtime, or use auto-converge`
        : "memory is not coming forward";
    case "pulling":
      return "memory is not coming forward; `virtmesh migrate-recover` breaks the connection and makes a new one";
    case "resuming":
      return "the guest is the destination's, which does not answer; `virtmesh migration resolve` says what can be done";
    case "switching":
    case "committing":
    case "losing":
    case "loading":
    case "deciding":
    case "retiring":
    case "aborting":
      return "waiting for the other side";
    case "completed":
    case "failed":
    case "cancelled":
      return "";
  }
}

function troubled({ effect, message }: Trouble): string {
  return effect === "end"
    ? `what is left of the guest here could not be ended: ${message}; it is tried again until it works`
    : `the guest could not be let go on here as before and may stand still: ${message}; it is tried again until it works, and \`virtmesh destroy\` ends the guest and the migration with it`;
}

function mib(bytes: bigint): string {
  return (Number(bytes) / 2 ** 20).toFixed(1);
}
