import { readFile, writeFile } from "node:fs/promises";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";
import type { Limit } from "../native/limits.ts";
import { type CgroupPlaces, fileOf, fileOfLimit } from "./places.ts";

const HARD_LIMIT = "memory.max";

/** @throws GUEST_REFUSED when the kernel does not take it: there is more in use, and it cannot be moved away */
export async function setLimits(name: string, places: CgroupPlaces, limits: readonly Limit[]): Promise<void> {
  for (const limit of limits) {
    const path = fileOfLimit(places, limit);
    if (path === undefined) {
      throw new VirtError(
        "HOST_SETUP",
        `this host has no control groups for ${limit.controller}, so container "${name}" cannot be limited`,
      );
    }
    try {
      if (limit.file === HARD_LIMIT) await makeRoom(places, BigInt(limit.value));
      await writeFile(path, limit.value);
    } catch (e) {
      throw new VirtError(
        "GUEST_REFUSED",
        `the kernel does not set ${limit.file} of container "${name}" to ${limit.value}: ${messageOf(e)}`,
        { resource: { type: "domain", name } },
        { cause: e },
      );
    }
  }
}

/**
 * The first version refuses a limit below what is in use; the second takes it, and ends processes until it holds. So what
 * can be given up is given up before, and the limit stays where it was when that is not enough.
 */
async function makeRoom(places: CgroupPlaces, bytes: bigint): Promise<void> {
  const inUse = async (): Promise<bigint> =>
    BigInt((await readFile(fileOf(places, "memory", "memory.current") ?? "", "utf8")).trim());
  const excess = (await inUse()) - bytes;
  if (excess <= 0n) return;
  try {
    await writeFile(fileOf(places, "memory", "memory.reclaim") ?? "", String(excess));
  } catch (e) {
    // Not so much could be given up.
    if (systemCode(e) !== "EAGAIN") throw e;
  }
  const left = await inUse();
  if (left > bytes) throw new Error(`${left} bytes are in use and cannot be given up`);
}
