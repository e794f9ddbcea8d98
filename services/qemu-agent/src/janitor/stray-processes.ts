import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type JournalFile, readJournals } from "@virtmesh/agent/migration/journal";
import { isAlive } from "@virtmesh/agent/machine/process-stat";
import type { Leftover } from "./leftovers.ts";
import type { OwnProcess } from "./own-processes.ts";

const MS_PER_TICK = 10;
/** The kernel tells when it was booted in whole seconds. */
const BOOT_SLACK_MS = 1_000;

/**
 * QEMUs of this agent's whose folders are gone, and with them every way to speak to them: somebody emptied the run
 * directory. Only one that waited for a migration is ended, if the journal of that very migration has the promise that it
 * never runs: the guest may run elsewhere. Any other may be somebody's guest, at work.
 */
export async function sweepStrayProcesses(
  strays: readonly OwnProcess[],
  stateDir: string,
): Promise<readonly Leftover[]> {
  if (strays.length === 0) return [];
  const journals = await readJournals(join(stateDir, "migrations"));
  const bootMs = await bootTimeMs();
  return strays.map((stray): Leftover => {
    const about = {
      kind: "process",
      what: `pid ${stray.pid} (guest "${stray.name}", ${stray.uuid})`,
    } as const;
    const startedMs = bootMs + stray.startTicks * MS_PER_TICK;
    if (!journals.some((journal) => hasPromised(journal, stray, startedMs))) {
      const why =
        "it runs, and its folder is gone, so no agent can speak to it; shut the guest down from inside, or end the process by hand";
      return { ...about, outcome: "left", why };
    }
    if (isAlive(stray.pid, stray.startTicks)) process.kill(stray.pid, "SIGKILL");
    return {
      ...about,
      outcome: "removed",
      why: "its migration was given up with the promise never to run it",
    };
  });
}

/** It was started for that migration, which has ended here with a promise. */
export function hasPromised(
  { header, lines }: JournalFile,
  stray: Pick<OwnProcess, "uuid" | "incoming">,
  startedMs: number,
): boolean {
  if (!stray.incoming || header.side !== "destination" || header.offer.plan.uuid !== stray.uuid) return false;
  const at = (entry: string): number | undefined => lines.find((line) => line.entry === entry)?.atMs;
  const [begunMs, promisedMs] = [at("begun"), at("promised")];
  if (begunMs === undefined || promisedMs === undefined) return false;
  return begunMs - BOOT_SLACK_MS <= startedMs && startedMs <= promisedMs + BOOT_SLACK_MS;
}

async function bootTimeMs(): Promise<number> {
  const seconds = /^btime (\d+)$/m.exec(await readFile("/proc/stat", "utf8"))?.[1];
  return Number(seconds) * 1000;
}
