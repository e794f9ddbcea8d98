import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { type SourcePhase, UNDECIDED } from "@virtmesh/core/migration/source-state";
import { parseConnectionUri } from "@virtmesh/core/uri";
import type { ChangeQueue } from "../changes/queue.ts";
import type { JournalHeader } from "./journal.ts";
import { PATIENCE_MS, within } from "./patience.ts";

/** What is asked of a runner of the source's side. */
interface Outgoing {
  readonly header: Pick<JournalHeader, "offer" | "destinationUri">;
  readonly state: { readonly phase: SourcePhase };
}
type Lines = Pick<ChangeQueue, "whenFree">;

/**
 * A host that offers a guest has it. When it came there from here, what holds it here is clearing up behind it: resolves
 * when that is done, or has taken so long that the offer is to be refused.
 */
export async function vacated(
  lines: Lines,
  outgoing: readonly Outgoing[],
  { plan, sourceHost }: MigrationOffer,
  signal: AbortSignal,
): Promise<void> {
  const isLeaving = outgoing.some(
    ({ header, state }) =>
      header.offer.plan.uuid === plan.uuid &&
      !UNDECIDED.has(state.phase) &&
      parseConnectionUri(header.destinationUri).host === sourceHost,
  );
  if (!isLeaving) return;
  using patience = within(PATIENCE_MS, signal);
  await Promise.race([lines.whenFree(plan.uuid), patience.over]);
}
