import { readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive } from "@virtmesh/agent/machine/process-stat";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";

import type { ProcessId } from "./container.ts";

/** Signals by which the first process of a container is asked to switch off, or to begin anew. */
export interface InitSignals {
  readonly halt: number;
  readonly reboot: number;
}

/** signal(7); those of real time begin at 34 for programs that use glibc. */
const [SIGINT, SIGUSR2, SIGTERM, SIGPWR, SIGRTMIN] = [2, 12, 15, 30, 34];

/** What LXC sends when nothing is said. */
const COMMON: InitSignals = { halt: SIGPWR, reboot: SIGINT };
const KNOWN: Readonly<Record<string, InitSignals>> = {
  busybox: { halt: SIGUSR2, reboot: SIGTERM },
  systemd: { halt: SIGRTMIN + 4, reboot: SIGRTMIN + 5 },
};

/** By the program that the container's init really is. */
export async function signalsOf({ os, devices }: DomainDefinition): Promise<InitSignals> {
  const root = devices.filesystems.find((f) => f.target === "/");
  if (root === undefined || (root.type !== "mount" && root.type !== "bind") || root.source?.dir === undefined)
    return COMMON;
  const init = os.init ?? "/sbin/init";
  const link = await readlink(join(root.source.dir, init)).catch(() => init);
  return KNOWN[basename(link)] ?? COMMON;
}

/** How long the first process may take, from its start, until it listens to signals. */
const GROWING_UP_MS = 3_000;
const LOOK_AGAIN_MS = 10;

/**
 * Whether the first process hears a signal: the kernel drops one that it does not. Shortly after its start it may not
 * listen yet, and nothing tells when it does, so it is looked at again for a moment.
 */
export async function listens(pid: number, signal: number, abort: AbortSignal): Promise<boolean> {
  const until = Date.now() + GROWING_UP_MS;
  while (!abort.aborted) {
    const [status, waitsIn] = await Promise.all(
      ["status", "wchan"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")),
    );
    if (hears(status ?? "", waitsIn ?? "", signal)) return true;
    if (status === "" || Date.now() > until) return false;
    await delay(LOOK_AGAIN_MS, undefined, { signal: abort });
  }
  return false;
}

/**
 * Caught, or blocked and waited for by other means, as /proc/PID/status has it. A process that waits for signals by
 * sigtimedwait(2), as busybox does, does not block them while it waits; /proc/PID/wchan names what it waits in.
 */
export function hears(status: string, waitsIn: string, signal: number): boolean {
  if (waitsIn.includes("sigtimedwait")) return true;
  const bit = 1n << BigInt(signal - 1);
  return ["SigCgt", "SigBlk"].some((name) => {
    const mask = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) & bit) !== 0n;
  });
}

const DYING_MS = 5_000;

/** Kills a first process, if that very one runs, and with it all others of its container; resolves when it is gone. */
export async function endProcess({ pid, startTicks }: ProcessId): Promise<void> {
  if (!isAlive(pid, startTicks)) return;
  process.kill(pid, "SIGKILL");
  const until = Date.now() + DYING_MS;
  // It is nobody's child here, so nothing tells when it is gone.
  while (isAlive(pid, startTicks) && Date.now() < until) await delay(LOOK_AGAIN_MS);
}
