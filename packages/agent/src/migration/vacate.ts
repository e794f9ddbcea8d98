import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import type { DestinationFact } from "@virtmesh/core/migration/facts";
import { type SourcePhase, UNDECIDED } from "@virtmesh/core/migration/source-state";
import { parseConnectionUri } from "@virtmesh/core/uri";
import type { ChangeQueue } from "../changes/queue.ts";
import type { JournalHeader } from "./journal.ts";

/** What is asked of a runner of either side. */
interface Outgoing {
  readonly header: Pick<JournalHeader, "offer" | "destinationUri">;
  readonly state: { readonly phase: SourcePhase };
}
interface Incoming {
  readonly header: Pick<JournalHeader, "offer">;
  tell(fact: DestinationFact): void;
}
type Lines = Pick<ChangeQueue, "whenFree">;

/** An end takes milliseconds, and seconds where NATS has to be waited for. */
const PATIENCE_MS = 10_000;

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
  if (isLeaving) await freed(lines, plan.uuid, signal);
}

/**
 * A host that offers a guest has no other migration of it under way: one that comes from there already was given up, and
 * the network has swallowed that, or let the offer through only afterwards. It is made to promise, as by its own source.
 */
export async function givenUp(
  lines: Lines,
  incoming: readonly Incoming[],
  { plan, sourceHost }: MigrationOffer,
  signal: AbortSignal,
): Promise<void> {
  const before = incoming.find(
    ({ header: { offer } }) => offer.plan.uuid === plan.uuid && offer.sourceHost === sourceHost,
  );
  before?.tell({ fact: "promiseDemanded" });
  if (before !== undefined) await freed(lines, plan.uuid, signal);
}

async function freed(lines: Lines, uuid: string, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, PATIENCE_MS);
  const giveUp = (): void => over.resolve();
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  try {
    await Promise.race([lines.whenFree(uuid), over.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}
