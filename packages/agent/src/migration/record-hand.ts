import { setTimeout as delay } from "node:timers/promises";
import { VirtError } from "@virtmesh/core/errors";
import { type Generation, generation } from "@virtmesh/core/ids";
import type { RecordFact } from "@virtmesh/core/migration/facts";
import type { MigrationContext } from "./context.ts";
import { type JournalHeader, MigrationJournal } from "./journal.ts";

/** How long a write of the record may take before the source is in doubt: less than a silent agent is waited for. */
export function recordTimeoutMs({ silenceMs }: Pick<MigrationContext, "silenceMs">): number {
  return (silenceMs * 2) / 3;
}
const AGAIN_MS = 1_000;

/** The record that decides, in the hands of the source. */
export class RecordHand {
  readonly #c: MigrationContext;
  readonly #header: JournalHeader;
  #watching = false;

  constructor(c: MigrationContext, header: JournalHeader) {
    this.#c = c;
    this.#header = header;
  }

  async decide(signal: AbortSignal): Promise<RecordFact> {
    const { plan, nextGeneration } = this.#header.offer;
    const bounds = { timeoutMs: recordTimeoutMs(this.#c), signal };
    const said = await this.#c.records.decide(plan.id, "destination", nextGeneration, bounds);
    if (said === "destination") return { fact: "recordDestination", generation: nextGeneration };
    if (said === "source") return { fact: "recordSource" };
    return { fact: "recordUnknown", message: "the record could not be written in time" };
  }

  /**
   * Waits for a decision in the record. One that looks undecided is never trusted: the write may be on its way, or
   * the server may have lost it.
   */
  async watch(signal: AbortSignal, stillWanted: () => boolean): Promise<RecordFact | undefined> {
    if (this.#watching) return undefined;
    this.#watching = true;
    const { plan, nextGeneration } = this.#header.offer;
    try {
      for await (const standing of this.#c.records.watch(plan.id, signal)) {
        if (!stillWanted()) return undefined;
        if (standing === "destination") return { fact: "recordDestination", generation: nextGeneration };
        if (standing === "source") return { fact: "recordSource" };
      }
      return undefined;
    } finally {
      this.#watching = false;
    }
  }
}

function ownGeneration(header: JournalHeader): Generation {
  return generation(header.offer.nextGeneration - 1n);
}

/** Under which the guest comes back from a destination that it was decided for. */
export function raisedGeneration(header: JournalHeader): Generation {
  return generation(header.offer.nextGeneration + 1n);
}

/** After a promise of the destination: the record says source from here on, through any outage of NATS. */
export async function fence(c: MigrationContext, header: JournalHeader): Promise<void> {
  const { plan } = header.offer;
  const raised = raisedGeneration(header);
  await c.tokens.bump(plan.uuid, raised);
  while ((await c.records.fence(plan.id, raised, { signal: c.signal })) !== "source") {
    await delay(AGAIN_MS, undefined, { signal: c.signal });
  }
  await note(c, header, "fenced");
}

/** The same, once and now. @throws EVENTS_UNAVAILABLE when NATS does not answer */
export async function fenceNow(c: MigrationContext, header: JournalHeader): Promise<Generation> {
  const { plan } = header.offer;
  const raised = raisedGeneration(header);
  const said = await c.records.fence(plan.id, raised, { timeoutMs: recordTimeoutMs(c), signal: c.signal });
  if (said === "source") return raised;
  throw new VirtError(
    "EVENTS_UNAVAILABLE",
    "NATS does not answer, so the record cannot be changed; try again",
  );
}

/**
 * The guest stayed: closes the record for the source, through any outage of NATS. Nobody need wait for it: it spares
 * a destination that comes back the question, and an undecided record is nobody's for ever.
 */
export async function closeRecord(c: MigrationContext, header: JournalHeader): Promise<void> {
  const { id } = header.offer.plan;
  const bounds = { timeoutMs: recordTimeoutMs(c), signal: c.signal };
  while ((await c.records.decide(id, "source", ownGeneration(header), bounds)) === "unknown") {
    // A server that has lost it has nothing that could be closed.
    if ((await c.records.read(id, bounds)) === "absent") break;
    await delay(AGAIN_MS, undefined, { signal: c.signal });
  }
  await note(c, header, "closed");
}

/** What goes on behind the end of a migration is noted in its journal all the same. */
async function note(c: MigrationContext, header: JournalHeader, entry: "fenced" | "closed"): Promise<void> {
  await using journal = await MigrationJournal.reopen(c.journalDir, header.offer.plan.id, "source");
  await journal.append(entry);
}
