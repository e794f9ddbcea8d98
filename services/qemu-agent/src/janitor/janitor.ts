import { readFile } from "node:fs/promises";
import { imageUsers } from "../domain/disk-check.ts";
import type { Guests } from "../domain/guests.ts";
import { IncomingRecords } from "../migration/incoming-record.ts";
import { sweepIncoming } from "./incoming-images.ts";
import type { Leftover } from "./leftovers.ts";
import { sweepExports } from "./left-exports.ts";
import { ownProcesses } from "./own-processes.ts";
import { namesIn, sweepDaemonFolders, sweepGuestFolders } from "./run-folders.ts";
import { sweepStrayProcesses } from "./stray-processes.ts";
import { sweepUnfinishedFiles } from "./unfinished-files.ts";

export interface JanitorSite {
  readonly guests: Guests;
  readonly stateDir: string;
  readonly runDir: string;
  /** Below it each guest that runs has a folder. */
  readonly guestsDir: string;
}

/**
 * Compares what is there with what is written down, when the guests that run have been taken up and before anything new is
 * begun. What is provably ours and nobody's is removed; what only looks so is left, and said.
 */
export async function sweep({
  guests,
  stateDir,
  runDir,
  guestsDir,
}: JanitorSite): Promise<readonly Leftover[]> {
  const here = [...guests.all(), ...guests.allIncoming()];
  const running = new Set<string>(here.filter((g) => g.instance !== undefined).map((g) => g.uuid));
  const images = new Set(
    here
      .flatMap((g) => [g.definition, ...(g.persistentDefinition ? [g.persistentDefinition] : [])])
      .flatMap((definition) => imageUsers(definition))
      .map(({ path }) => path),
  );
  const known = new Set(here.map((g) => g.instance?.process.pid));
  const others = (await ownProcesses(guestsDir)).filter(({ pid }) => !known.has(pid));
  const folders = new Set(await namesIn(guestsDir));
  const found = await Promise.all([
    sweepGuestFolders(
      guestsDir,
      (uuid) => running.has(uuid),
      (uuid) => others.some((other) => other.uuid === uuid),
    ),
    sweepStrayProcesses(
      others.filter(({ uuid }) => !folders.has(uuid)),
      stateDir,
    ),
    sweepExports(here),
    sweepDaemonFolders(runDir),
    sweepIncoming(stateDir, new IncomingRecords(stateDir), (path) => images.has(path)),
    sweepUnfinishedFiles(stateDir),
    foreignTaps(
      new Set(here.flatMap((g) => Object.values(g.instance?.allotment.taps ?? {}).map((t) => t.ifname))),
    ),
  ]);
  return found.flat();
}

/** Nothing on a tap says who made it, and libvirt names its own so too. */
async function foreignTaps(recorded: ReadonlySet<string>): Promise<readonly Leftover[]> {
  // Unlike /sys, which may have been mounted for another network namespace.
  const devices = await readFile("/proc/self/net/dev", "utf8");
  const names = [...devices.matchAll(/^\s*(vnet\d+):/gm)].flatMap(([, name]) => name ?? []);
  const why = "no guest has it; if nobody else does, `ip link delete` removes it";
  return names
    .filter((name) => !recorded.has(name))
    .map((what) => ({ kind: "tap", what, outcome: "left", why }));
}
