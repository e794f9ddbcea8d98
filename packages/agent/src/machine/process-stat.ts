import { readFileSync } from "node:fs";
import { systemCode } from "@virtmesh/core/errors";

/** What /proc/PID/stat says of a process (proc(5)). */
export interface ProcessStat {
  /** One letter: R, S, D, Z (dead, not yet collected), ... */
  readonly state: string;
  /** When it started, in clock ticks since boot: with the pid, the identity of a process. */
  readonly startTicks: number;
  readonly cpuTimeNs: bigint;
  readonly rssBytes: bigint;
}

/** USER_HZ is 100 on every architecture that runs QEMU as a hypervisor. */
const NS_PER_TICK = 10_000_000n;
/** On x86; statistics only. */
const PAGE_BYTES = 4096n;

/** Reads the text of /proc/PID/stat; the name in it may hold blanks and brackets. */
export function parseProcessStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const number = (field: number): bigint => BigInt(fields[field - 3] ?? "0");
  return {
    state: fields[0] ?? "",
    startTicks: Number(number(22)),
    cpuTimeNs: (number(14) + number(15)) * NS_PER_TICK,
    rssBytes: number(24) * PAGE_BYTES,
  };
}

/** undefined when there is no such process. procfs answers from memory, so this does not wait for anything. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (e) {
    if (systemCode(e) === "ENOENT" || systemCode(e) === "ESRCH") return undefined;
    throw e;
  }
}

/** Whether that very process runs; false when its pid was given to another one, and for one that is dead. */
export function isAlive(pid: number, startTicks: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== "Z" && stat.state !== "X";
}
