import type { DiskMoved } from "@virtmesh/core/driver/disk-moves";
import { VirtError } from "@virtmesh/core/errors";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import { isSameFile, lookAtFile, removeMadeImages } from "../migration/made-images.ts";
import { pathOfDisk } from "./moved-disk.ts";
import { otherUser } from "./movable.ts";
import type { DiskMoveRecord, QemuDiskMoveRecords } from "./records.ts";

interface SettleSite {
  readonly guests: Guests;
  readonly records: QemuDiskMoveRecords;
  readonly logger: MeshLogger;
}

/** The guest uses the new image, and the definitions name it. */
export async function concludeMove(record: DiskMoveRecord, site: SettleSite): Promise<DiskMoved> {
  const { move, from, format } = record;
  const previousRemoved = move.removeSource && (await removeOld(record, site));
  await site.records.remove(move.id);
  return { format, previousPath: from, previousRemoved };
}

/** Only the file that the guest had used, and only when nobody else has come to use it. */
async function removeOld({ move, from, fromFile }: DiskMoveRecord, site: SettleSite): Promise<boolean> {
  const why = await (async () => {
    if (fromFile === undefined || !isSameFile(fromFile, await lookAtFile(from)))
      return "it is another file by now";
    const user = otherUser(site.guests.all(), move, from);
    if (user !== undefined) return `guest "${user}" uses it`;
    return (await removeMadeImages([{ path: from, sinceMs: 0, file: fromFile }]))[0];
  })();
  if (why === undefined) return true;
  site.logger.warn({ image: from, disk: move.disk, why }, "the old image of a disk that was moved is kept");
  return false;
}

/** Removes the new image of a move that is not done. @returns what could not be removed */
export async function undoOnHost(record: DiskMoveRecord, site: SettleSite): Promise<readonly string[]> {
  const { move, sinceMs, file } = record;
  const left = await removeMadeImages([{ path: move.path, sinceMs, file }]);
  await site.records.remove(move.id);
  return left;
}

/** The guest's QEMU is gone, or the guest is: the image that its definition names is the true one. */
export async function settleWithoutGuest(
  record: DiskMoveRecord,
  guest: Guest | undefined,
  site: SettleSite,
  cancelled: boolean,
): Promise<DiskMoved> {
  const { move, from, phase } = record;
  const named = guest === undefined ? undefined : pathOfDisk(guest.definition, move.disk);
  if (named === move.path) return await concludeMove(record, site);
  const name = guest?.name ?? move.uuid;
  // Until it was decided, the guest cannot have written to the new image; after that only the definition tells.
  if (phase === "copying" || named === from) {
    const left = await undoOnHost(record, site);
    const why = "the guest ended before it used the new image";
    throw undoneError(name, record, { why, cancelled, left, cause: undefined });
  }
  await site.records.remove(move.id);
  throw new VirtError(
    "OPERATION_ABORTED",
    `guest "${name}" ended while disk ${move.disk} went over from ${from} to ${move.path}, and no definition says which one it used last; both are kept, look at them`,
    { resource: { type: "disk", name: move.disk } },
  );
}

/** The error of a move after which all is as it was. */
export function undoneError(
  guest: string,
  { move, from }: DiskMoveRecord,
  how: {
    readonly why: string;
    readonly cancelled: boolean;
    readonly left: readonly string[];
    readonly cause: unknown;
  },
): VirtError {
  const { why, cancelled, left, cause } = how;
  const rest = left.length === 0 ? "" : `; left behind: ${left.join("; ")}`;
  const full = /no space left/i.test(why) ? "NO_SPACE" : "HYPERVISOR_FAILED";
  const reason = cancelled ? "OPERATION_ABORTED" : VirtError.is(cause) ? cause.reason : full;
  return new VirtError(
    reason,
    `disk ${move.disk} of guest "${guest}" was not moved to ${move.path}: ${cancelled ? "it was cancelled" : why}; it is at ${from}, as before${rest}`,
    { resource: { type: "disk", name: move.disk } },
    cause === undefined ? {} : { cause },
  );
}
