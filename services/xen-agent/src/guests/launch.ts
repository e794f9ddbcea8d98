import { writeFile } from "node:fs/promises";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { type ListedDomain, parseListing } from "../xl/listing.ts";
import { xl, XlError } from "../xl/xl.ts";
import type { GuestFolder } from "./status.ts";

export const CONFIG_FILE = "guest.cfg";

/** Where a start comes from, when it is no boot. */
export interface LaunchSource {
  readonly savedState?: string;
}

/** Every domain that Xen has, dom0 among them. */
export async function listDomains(signal?: AbortSignal): Promise<readonly ListedDomain[]> {
  return parseListing(await xl(["list", "-v"], signal));
}

/**
 * Makes a domain, whose processors stand still, and answers its number. Nobody of xl's own stays to watch it (`-e`): a
 * watcher would restart it behind the agent's back, and end without a word when a save fails.
 * @throws HYPERVISOR_FAILED with what xl said; then nothing of it is left
 */
export async function makeDomain(
  folder: GuestFolder,
  definition: IdentifiedDomain,
  config: string,
  source: LaunchSource,
  signal: AbortSignal,
): Promise<number> {
  const { uuid, name } = definition;
  const file = folder.of(uuid, CONFIG_FILE);
  await writeFile(file, config, { mode: 0o600 });
  try {
    if (source.savedState === undefined) await xl(["create", "-e", "-p", file], signal);
    else await xl(["restore", "-e", "-p", file, source.savedState], signal);
    const made = await findDomain(uuid, signal);
    if (made !== undefined) return made.id;
  } catch (e) {
    await removeDomain(uuid);
    signal.throwIfAborted();
    throw refusal(`guest "${name}" could not be started`, name, e);
  }
  throw new VirtError("HYPERVISOR_FAILED", `guest "${name}" ended as it was started`, {
    resource: { type: "domain", name },
  });
}

export async function findDomain(uuid: DomainUuid, signal?: AbortSignal): Promise<ListedDomain | undefined> {
  return (await listDomains(signal)).find((row) => row.uuid === uuid && !row.dying);
}

/** Takes a domain apart, whatever it does. */
export async function destroyDomain(id: number): Promise<void> {
  try {
    await xl(["destroy", String(id)]);
  } catch (e) {
    // It may have been gone already.
    if ((await listDomains()).some((row) => row.id === id && !row.dying)) throw e;
  }
}

/** What a start that failed has left. */
async function removeDomain(uuid: DomainUuid): Promise<void> {
  const left = await findDomain(uuid);
  if (left !== undefined) await destroyDomain(left.id);
}

/** What xl refused, in the words of the contract. */
export function refusal(what: string, name: string, e: unknown): VirtError {
  if (!(e instanceof XlError)) return VirtError.from(e);
  return new VirtError(
    "HYPERVISOR_FAILED",
    `${what}: ${messageOf(e)}`,
    { resource: { type: "domain", name } },
    { cause: e },
  );
}
