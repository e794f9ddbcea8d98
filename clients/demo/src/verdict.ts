import type { HeartbeatReport } from "@virtmesh/lab/guest/heartbeat";
import type { Comparison, WrittenReport } from "@virtmesh/lab/guest/verify";

/** All that was seen of the guest and its disks. */
export interface Evidence {
  readonly heartbeat: HeartbeatReport;
  /** What the written disk holds on the destination. */
  readonly written: WrittenReport;
  /** What it held on the source at the hand-over; undefined when the source has no image any more. */
  readonly writtenSource: WrittenReport | undefined;
  /** The disk that nobody writes, on both hosts. */
  readonly still: Comparison;
}

/** Why the migration did harm; empty when it did none. */
export function faults(evidence: Evidence): string[] {
  const { heartbeat, written, writtenSource, still } = evidence;
  const found: string[] = [];
  if (heartbeat.wentBack > 0) found.push("the guest's counter went back: an old state of it ran");
  if ((heartbeat.last?.wrongPages ?? 0) > 0)
    found.push(`${heartbeat.last?.wrongPages} pages of memory were damaged`);
  found.push(...written.problems.map((p) => `on the destination, ${p}`));
  if (writtenSource) {
    found.push(...writtenSource.problems.map((p) => `on the source, ${p}`));
    if (writtenSource.writes > written.writes) {
      found.push(`the source holds ${writtenSource.writes} writes, the destination only ${written.writes}`);
    }
  }
  if (!still.identical) found.push(`the other disk differs in ${still.differingBytes} bytes`);
  return found;
}

/** What a user sees of it when all is well. */
export function findings(evidence: Evidence): string[] {
  const { heartbeat, written, writtenSource } = evidence;
  const since = writtenSource ? `, ${written.writes - writtenSource.writes} of them since the hand-over` : "";
  return [
    `counted on: ${heartbeat.beats} heartbeats, none out of order`,
    `vda holds all ${written.writes} writes the guest made${since}, each whole and in its place`,
    `vdb is the same on both hosts, ${(evidence.still.sizes[0] / 2 ** 20).toFixed(0)} MiB`,
  ];
}
