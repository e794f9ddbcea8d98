import { readFile } from "node:fs/promises";
import { errnoOf } from "./errno.ts";

/** Names a running process for good: pids are used again, a pid with its start time is not. */
export interface Owner {
  readonly pid: number;
  readonly started: string;
}

export async function thisProcess(): Promise<Owner> {
  return { pid: process.pid, started: (await startOf(process.pid)) ?? "" };
}

/** Whether the process that wrote this file still runs. A file that is being written counts as owned. */
export async function isOwned(file: string): Promise<boolean> {
  const owner = parseOwner(await readText(file));
  return owner === undefined || (await startOf(owner.pid)) === owner.started;
}

function parseOwner(text: string): Owner | undefined {
  if (text === "") return undefined;
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("pid" in value) || !("started" in value))
    return undefined;
  return { pid: Number(value.pid), started: String(value.started) };
}

/** When a process began, in the kernel's ticks; undefined when it is gone. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readText(`/proc/${pid}/stat`);
  // Fields are counted after the last `)`: the command name before it may hold anything.
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/** Empty when it is not there (any more). */
async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (e) {
    if (errnoOf(e) === "ENOENT" || errnoOf(e) === "ESRCH") return "";
    throw e;
  }
}
