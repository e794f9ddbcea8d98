import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { plannedReference, quoted } from "../msvm/session.ts";
import type { HypervServer } from "../server.ts";
import type { Moving } from "./move.ts";

const CLASS = "Msvm_PlannedComputerSystem";

/**
 * What a guest that comes goes into lies on this host before it: without it nothing can come. Resolves when it is gone,
 * whoever has taken it: we, or the guest that has come.
 */
export async function withdrawPlanned(server: HypervServer, guest: Moving, c: Call): Promise<void> {
  if (await removePlanned(server, guest, c)) return;
  // Something is on its way into it; how that ends is told.
  await using changes = await server.changesOf(sentence(guest), CLASS, c);
  while (!(await removePlanned(server, guest, c))) await changes.next(c.signal);
}

/** Whether it is gone; false while something is on its way into it. */
export async function removePlanned(server: HypervServer, guest: Moving, c: Call): Promise<boolean> {
  const what = sentence(guest);
  const [found] = await server.ask(
    what,
    (session, options) => session.query(CLASS, options, `Name = ${quoted(guest.key)}`),
    c,
  );
  if (found === undefined) return true;
  const AffectedSystem = plannedReference(found.Name ?? guest.key);
  try {
    await server.call(what, "Msvm_VirtualSystemManagementService", "DestroySystem", { AffectedSystem }, c);
    return true;
  } catch (e) {
    c.signal.throwIfAborted();
    if (VirtError.is(e) && BUSY.has(e.reason)) return false;
    throw e;
  }
}

const BUSY: ReadonlySet<string> = new Set(["DOMAIN_BUSY", "WRONG_STATE"]);

function sentence({ name }: Moving): string {
  return `what was planned here for guest "${name}" cannot be removed`;
}
