import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive } from "@virtmesh/agent/machine/process-stat";
import { errnoOf } from "./errno.ts";
import { isOwned, thisProcess } from "./owner.ts";

const OWNER = "owner.json";
const END_MS = 10_000;

/**
 * A folder for one run, with a short path (a UNIX socket's has at most 107 bytes). What runs of the same kind
 * left that were killed is removed first: their folders, and the hypervisors that were told of those folders.
 */
export async function makeRunFolder(kind: string): Promise<string> {
  await removeLeftovers(kind);
  const folder = await mkdtemp(join(tmpdir(), `${kind}-`));
  await writeFile(join(folder, OWNER), JSON.stringify(await thisProcess()));
  return folder;
}

/** Ends the hypervisors that have this folder on their command line, then removes the folder. */
export async function removeRunFolder(folder: string): Promise<void> {
  await endHypervisorsOf(folder);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function removeLeftovers(kind: string): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const folder = join(tmpdir(), name);
    // mkdtemp adds six characters: `virtmesh-esx-AbC123` is of another kind than `virtmesh-AbC123`.
    const isOfKind = name.startsWith(`${kind}-`) && name.length === kind.length + "-123456".length;
    if (!isOfKind || (await isOwned(join(folder, OWNER)))) continue;
    await removeRunFolder(folder);
  }
}

/** Hypervisors outlive the agents that started them; their sockets are in the folder, whose name is unique. */
export async function endHypervisorsOf(folder: string): Promise<void> {
  await endContainersOf(folder);
  const ending: number[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number)) {
    const [program = "", ...args] = (await commandLine(pid)).split("\0");
    if (!basename(program).startsWith("qemu-system-") || !args.some((arg) => arg.includes(`${folder}/`)))
      continue;
    ending.push(pid);
    try {
      process.kill(pid, "SIGKILL");
    } catch (e) {
      if (errnoOf(e) !== "ESRCH") throw e;
    }
  }
  // Of their end the kernel tells nobody but their parent.
  const until = performance.now() + END_MS;
  for (const pid of ending)
    while ((await commandLine(pid)).includes(folder) && performance.now() < until) await delay(5);
}

/** Containers say nowhere but in their status which processes they are. */
async function endContainersOf(folder: string): Promise<void> {
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  for (const file of files.filter((name) => /\/lxc\/[0-9a-f-]{36}\/status\.json$/.test(`/${name}`))) {
    const { init } = JSON.parse(await readFile(join(folder, file), "utf8")) as {
      init?: { pid: number; startTicks: number };
    };
    if (init !== undefined && isAlive(init.pid, init.startTicks)) process.kill(init.pid, "SIGKILL");
  }
}

async function commandLine(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, "utf8");
  } catch (e) {
    // It ended in the meantime.
    if (errnoOf(e) === "ENOENT" || errnoOf(e) === "ESRCH") return "";
    throw e;
  }
}
