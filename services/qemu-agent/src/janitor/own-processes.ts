import { readdir, readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { systemCode } from "@virtmesh/core/errors";
import { parseUuid } from "@virtmesh/core/ids";
import { readProcessStat } from "@virtmesh/agent/machine/process-stat";
import { pidfilePath } from "../domain/instance.ts";

/** A QEMU that an agent of this host started: nobody else has one write its pid into a folder of the agent's. */
export interface OwnProcess {
  readonly pid: number;
  readonly startTicks: number;
  readonly uuid: string;
  readonly name: string;
  /** It was started to wait for a migration. */
  readonly incoming: boolean;
}

/** Every process of this computer whose own command line says that it is one. */
export async function ownProcesses(guestsDir: string): Promise<readonly OwnProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid): Promise<readonly OwnProcess[]> => {
      const startTicks = readProcessStat(pid)?.startTicks;
      const guest = ownGuest(await argumentsOf(pid), guestsDir);
      return startTicks === undefined || guest === undefined ? [] : [{ pid, startTicks, ...guest }];
    }),
  );
  return found.flat();
}

/** The guest of a command line, or undefined when it is not of an agent whose guests' folders are there. */
export function ownGuest(
  argv: readonly string[],
  guestsDir: string,
): Pick<OwnProcess, "uuid" | "name" | "incoming"> | undefined {
  const after = (flag: string): string | undefined => {
    const at = argv.indexOf(flag);
    return at === -1 ? undefined : argv[at + 1];
  };
  const pidfile = after("-pidfile");
  if (pidfile === undefined) return undefined;
  const uuid = parseUuid(basename(dirname(pidfile)));
  if (uuid === undefined || pidfile !== pidfilePath(`${guestsDir}/${uuid}`)) return undefined;
  const name = /(?:^|,)guest=((?:[^,]|,,)*)/.exec(after("-name") ?? "")?.[1]?.replaceAll(",,", ",") ?? uuid;
  return { uuid, name, incoming: argv.includes("-incoming") };
}

/** Of one that has ended, and of a thread of the kernel, there are none. */
async function argumentsOf(pid: number): Promise<readonly string[]> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
  } catch (e) {
    if (systemCode(e) === "ENOENT" || systemCode(e) === "ESRCH") return [];
    throw e;
  }
}
