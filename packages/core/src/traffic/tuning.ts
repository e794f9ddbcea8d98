import type { Tuning } from "../driver/migration.ts";

/** The most a migration can take with these limits of its own, in bytes a second; 0 means as much as there is. */
export function wantedBy(tuning: Tuning, disks: number): bigint {
  const { memoryBandwidth, diskBandwidth } = tuning;
  if (memoryBandwidth === 0n || (disks > 0 && diskBandwidth === 0n)) return 0n;
  const forDisks = diskBandwidth * BigInt(disks);
  return forDisks > memoryBandwidth ? forDisks : memoryBandwidth;
}

/** The limits of its own, lowered to its share of what there is: memory has all of it, disks divide it. */
export function withinShare(tuning: Tuning, share: bigint, disks: number): Tuning {
  if (share === 0n) return tuning;
  const each = share / BigInt(Math.max(1, disks));
  return {
    ...tuning,
    memoryBandwidth: lower(tuning.memoryBandwidth, share),
    diskBandwidth: lower(tuning.diskBandwidth, each === 0n ? 1n : each),
  };
}

/** Of two limits the one that binds; 0 is none. */
export function lower(a: bigint, b: bigint): bigint {
  if (a === 0n) return b;
  return b === 0n || a < b ? a : b;
}
