import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";

/**
 * Makes a directory and those above it. Not by Node's `recursive`, which asks for ever, and takes all memory, where a
 * directory that is there answers ENOENT to everything made in it, as /proc does. Throws HOST_SETUP.
 */
export async function makeDir(dir: string): Promise<void> {
  try {
    await makeWithParents(dir);
  } catch (cause) {
    throw new VirtError("HOST_SETUP", `cannot make the directory ${dir}: ${messageOf(cause)}`, {}, { cause });
  }
}

async function makeWithParents(dir: string): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o750 });
  } catch (e) {
    const code = systemCode(e);
    if (code === "EEXIST" && (await isDirectory(dir))) return;
    const parent = dirname(dir);
    if (code !== "ENOENT" || parent === dir || (await isDirectory(parent))) throw e;
    await makeWithParents(parent);
    await mkdir(dir, { mode: 0o750 });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (e) {
    if (systemCode(e) === "ENOENT") return false;
    throw e;
  }
}
