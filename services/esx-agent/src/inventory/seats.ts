import { type Reference, reference } from "../vim/encode.ts";
import { textAt } from "../vim/node.ts";
import { referenceOf, type VimSession } from "../vim/session.ts";
import { inventory, ownersOf } from "./place.ts";

/** A host of a vCenter as a place for guests. */
export interface Seat {
  readonly host: Reference;
  readonly pool: Reference;
  /** Takes the files of guests that bring theirs. */
  readonly datastore: Reference;
}

/** All hosts that guests can run on, by their UUID. */
export async function seatsOf(session: VimSession, signal: AbortSignal): Promise<ReadonlyMap<string, Seat>> {
  const found = new Map((await inventory(session, signal)).map((each) => [each.object.value, each]));
  const seats = new Map<string, Seat>();
  for (const each of found.values()) {
    if (each.object.type !== "HostSystem") continue;
    const uuid = textAt(each.properties.get("summary.hardware"), "uuid")?.toLowerCase();
    const resources = ownersOf(each, found).find(({ object }) => /ComputeResource$/.test(object.type));
    const pool = resources?.properties.get("resourcePool");
    const datastore = each.properties.get("datastore")?.children[0];
    if (uuid === undefined || pool === undefined) continue;
    seats.set(uuid, {
      host: each.object,
      pool: referenceOf(pool),
      datastore: reference("Datastore", datastore?.text ?? ""),
    });
  }
  return seats;
}
