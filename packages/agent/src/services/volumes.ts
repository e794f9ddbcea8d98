import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { PoolInfo, VolumeInfo } from "@virtmesh/core/driver/storage";
import { VirtError } from "@virtmesh/core/errors";
import { invalidField, requireText } from "../convert/field.ts";
import type { ServiceContext } from "./context.ts";

/** By name or UUID. Throws POOL_NOT_FOUND naming those there are. */
export async function findPool(c: ServiceContext, ref: string, call: Call): Promise<PoolInfo> {
  const pools = await need(c.driver, "storage", "pools")(call);
  const wanted = requireText("pool", ref);
  const found = pools.find(({ name, uuid }) => name === wanted || uuid === wanted.toLowerCase());
  if (found) return found;
  const known = pools.map(({ name }) => name).join(", ") || "none";
  throw new VirtError("POOL_NOT_FOUND", `host ${c.host} has no storage pool "${ref}", there is ${known}`, {
    resource: { type: "pool", name: ref },
    metadata: { host: c.host },
  });
}

/** The volume that a request names, and the name of its pool. */
export async function findVolume(
  c: ServiceContext,
  request: { readonly pool: string; readonly volume: string },
  call: Call,
): Promise<{ readonly pool: string; readonly volume: VolumeInfo }> {
  const find = need(c.driver, "storage", "volume");
  const { name } = await findPool(c, request.pool, call);
  return { pool: name, volume: await find(name, requireText("volume", request.volume), call) };
}

/** A name that stays in its pool, whatever the host takes for a folder. Throws INVALID_FIELD. */
export function requireVolumeName(field: string, name: string): string {
  const parts = requireText(field, name).split(/[/\\]/);
  if (name.includes("\0") || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw invalidField(field, `must be a name in its pool, perhaps with folders, not "${name}"`);
  }
  return name;
}
