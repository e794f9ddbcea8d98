import { messageOf } from "@virtmesh/core/errors";
import type { Guest } from "../domain/guest.ts";
import { isOwnExport } from "../migration/incoming-ends.ts";
import type { Leftover } from "./leftovers.ts";

/** A QEMU that hangs is not waited for: it is looked at when the next agent starts. */
const TIMEOUT_MS = 2_000;

/**
 * Disks that the QEMU of a guest still serves though no migration brings that guest here any more: whoever reaches the port
 * could write to them. What bears other names than ours somebody else exports.
 */
export async function sweepExports(guests: readonly Guest[]): Promise<readonly Leftover[]> {
  const idle = guests.filter((g) => g.instance?.qmp?.isOpen === true && g.instance.migration === undefined);
  return (await Promise.all(idle.map(sweepGuest))).flat();
}

async function sweepGuest(guest: Guest): Promise<readonly Leftover[]> {
  const options = { timeoutMs: TIMEOUT_MS };
  const named = (id: string) => ({ kind: "export", what: `${id} of guest "${guest.name}"` }) as const;
  try {
    const served = await guest.execute("query-block-exports", undefined, options);
    const foreign = served.filter((each) => !isOwnExport(each));
    if (served.length === foreign.length) return [];
    if (foreign.length > 0) {
      const why = `its server also serves ${foreign.map(({ id }) => id).join(", ")}, which no agent exports`;
      return served.filter(isOwnExport).map(({ id }) => ({ ...named(id), outcome: "left", why }));
    }
    await guest.execute("nbd-server-stop", undefined, options);
    const why = "no migration brings the guest here any more";
    return served.map(({ id }) => ({ ...named(id), outcome: "removed", why }));
  } catch (e) {
    return [{ ...named("exports"), outcome: "left", why: messageOf(e) }];
  }
}
