import type { Any } from "@virtmesh/api/gen/google/protobuf/any";
import type { MigrateDomainRequest } from "@virtmesh/api/gen/virtmesh/v1/migration";
import type { Call } from "@virtmesh/core/call";
import type { MigrationOffer, MigrationPlan, Tuning } from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { MigrationId } from "@virtmesh/core/ids";
import type { DestinationEntry } from "@virtmesh/core/migration/destination-state";
import type { Answer } from "@virtmesh/core/migration/facts";
import type { SourceEntry } from "@virtmesh/core/migration/source-state";
import { parseConnectionUri } from "@virtmesh/core/uri";
import type { ChangeInfo, Hold } from "../changes/queue.ts";
import type { RunningOperation } from "../operations/operations.ts";
import type { Passage } from "../traffic/outgoing-gate.ts";
import type { MigrationContext } from "./context.ts";
import { type DestinationLink, DestinationRunner } from "./destination-runner.ts";
import {
  isRefused,
  type JournalEntry,
  type JournalFile,
  type JournalHeader,
  journalRefusal,
  MigrationJournal,
  readJournal,
} from "./journal.ts";
import { type IncomingOffer, IncomingOffers } from "./incoming-offers.ts";
import type { News } from "./news.ts";
import {
  blocked,
  checkMode,
  examineBoth,
  examineDestination,
  examineSource,
  findGuest,
  type Preflight,
} from "./preflight.ts";
import { OutgoingMigration } from "./outgoing-migration.ts";
import { closeRecord, fence } from "./record-hand.ts";
import { resultOf } from "./result.ts";
import { SourceRunner } from "./source-runner.ts";
import { vacated } from "./vacate.ts";
import { planOf } from "./wire.ts";

/** Journals of finished migrations are kept for so long: a late question about one still gets its answer. */
export const KEEP_JOURNALS_MS = 7 * 24 * 3600 * 1000;

/** What was found before a migration. */
export type Checked = Preflight & { readonly plan: MigrationPlan; readonly name: string };

/** The migrations of one agent, outgoing and incoming. */
export class Migrations implements AsyncDisposable {
  readonly context: MigrationContext;
  readonly #news: News;
  readonly #sources = new Map<MigrationId, OutgoingMigration>();
  readonly #offers: IncomingOffers;
  readonly #destinations = new Map<
    MigrationId,
    {
      readonly runner: DestinationRunner;
      readonly hold: Hold;
      readonly place: Disposable;
      readonly arrived: IncomingOffer;
    }
  >();

  constructor(context: MigrationContext, news: News) {
    this.context = context;
    this.#news = news;
    this.#offers = new IncomingOffers(context.silenceMs);
  }

  /** What would be in the way; changes nothing. */
  async check(request: MigrateDomainRequest, call: Call, id: MigrationId): Promise<Checked> {
    const c = this.context;
    const domain = findGuest(c, request.domain);
    c.queue.admit({ uuid: domain.uuid, name: domain.name });
    if (request.destinationUri === "") {
      throw new VirtError("INVALID_FIELD", "destination_uri: say where to, such as qemu://host-b/system", {
        violations: [{ field: "destination_uri", description: "must not be empty" }],
      });
    }
    const plan = planOf(request, id, domain.uuid);
    checkMode(plan, domain);
    const found = await examineBoth(c, plan, request.destinationUri, call);
    return { ...found, plan, name: domain.name };
  }

  /**
   * Takes the guest and writes down that it begins; what it gives runs the migration to its end, for its operation.
   * The passage is given back at the end, or when this throws.
   */
  async begin(
    request: MigrateDomainRequest,
    { plan, name }: Checked,
    passage: Passage,
    call: Call,
  ): Promise<(op: RunningOperation) => Promise<Any>> {
    const c = this.context;
    let hold: Hold | undefined;
    try {
      hold = await c.queue.acquire({ uuid: plan.uuid, name }, this.#holding(plan.id), call);
      // Looked at again with the guest held: another change of it may have had its turn since.
      const info = findGuest(c, plan.uuid);
      checkMode(plan, info);
      const { offer, obstacles } = await examineSource(c, plan, call);
      if (obstacles.length > 0) throw blocked(name, obstacles);
      const header: JournalHeader = {
        side: "source",
        offer,
        sourceUri: c.uri,
        destinationUri: request.destinationUri,
        undefineSource: plan.undefineSource ?? plan.persistDestination ?? info.persistent,
        startedAtMs: Date.now(),
        actor: call.actor,
        trace: call.trace,
      };
      await c.records.open(
        {
          id: plan.id,
          domainUuid: plan.uuid,
          domainName: name,
          sourceHost: c.host,
          sourceUri: c.uri,
          destinationHost: parseConnectionUri(request.destinationUri).host,
          destinationUri: request.destinationUri,
          generation: offer.nextGeneration,
        },
        { signal: call.signal },
      );
      const journal = await MigrationJournal.create(c.journalDir, header, "begun");
      const runner = new SourceRunner(c, header, journal);
      const outgoing = new OutgoingMigration(c, runner, hold, passage);
      this.#sources.set(plan.id, outgoing);
      c.news.began(header, "source");
      return async (op) => {
        this.#news.watchedBy(plan.id, op);
        await outgoing.share();
        await this.#guard(runner, () => runner.begin());
        return this.#conclude(outgoing, op.signal);
      };
    } catch (e) {
      hold?.[Symbol.dispose]();
      passage[Symbol.dispose]();
      throw e;
    }
  }

  async tune(id: MigrationId, change: (now: Tuning) => Tuning): Promise<void> {
    await this.#live(id).tune(change);
    await this.context.budget.divide();
  }

  /** Switches to post-copy. @throws WRONG_STATE when it cannot be done now. */
  startPostcopy(id: MigrationId): void {
    this.#live(id).startPostcopy();
  }

  /** Tries now to mend a post-copy. @throws WRONG_STATE when there is nothing to mend. */
  recover(id: MigrationId): void {
    this.#live(id).recover();
  }

  #live(id: MigrationId): SourceRunner {
    const live = this.#sources.get(id);
    if (live === undefined) throw new VirtError("MIGRATION_NOT_FOUND", `no migration ${id} runs here`);
    return live.runner;
  }

  /** Resolves when what holds a guest here that is asked about from elsewhere, and is about to let go of it, has. */
  async vacated(offer: MigrationOffer, signal: AbortSignal): Promise<void> {
    await this.#left(offer, signal);
    await this.#offers.noneOf(offer, signal);
  }

  async #left(offer: MigrationOffer, signal: AbortSignal): Promise<void> {
    const outgoing = [...this.#sources.values()].map(({ runner }) => runner);
    await vacated(this.context.queue, outgoing, offer, signal);
  }

  /**
   * A source offers a guest; `c.signal` says also when it does no more. @throws whatever speaks against it; then it was
   * never begun, and never will be.
   */
  async accept(
    offer: MigrationOffer,
    uri: string,
    link: DestinationLink,
    call: Call,
  ): Promise<DestinationRunner> {
    const c = this.context;
    const { id, uuid, destinationName } = offer.plan;
    const name = destinationName === "" ? offer.name : destinationName;
    const arrived = this.#offers.arrive(offer, call.signal);
    const { signal } = arrived;
    let hold: Hold | undefined;
    let place: Disposable | undefined;
    try {
      if (await isRefused(c.journalDir, id)) {
        throw new VirtError(
          "WRONG_STATE",
          `${c.host} has promised never to run the guest of migration ${id}`,
        );
      }
      await this.#left(offer, signal);
      await this.#offers.turn(arrived);
      hold = await c.queue.acquire(
        { uuid, name },
        { verb: "migrate", operation: `operations/${id}`, exclusive: true },
        { ...call, signal },
      );
      place = c.incoming.claim(id);
      // Looked at again with the guest and its name held: nothing can come between now.
      const { obstacles } = await examineDestination(c, offer, { ...call, signal });
      if (obstacles.length > 0) throw blocked(name, obstacles);
      signal.throwIfAborted();
      const header: JournalHeader = {
        side: "destination",
        offer,
        sourceUri: "",
        destinationUri: uri,
        undefineSource: false,
        startedAtMs: Date.now(),
        actor: call.actor,
        trace: call.trace,
      };
      const journal = await MigrationJournal.create(c.journalDir, header);
      const runner = new DestinationRunner(c, header, journal, () => this.#release(id));
      this.#destinations.set(id, { runner, hold, place, arrived });
      c.news.began(header, "destination");
      runner.begin(link);
      arrived.take(runner);
      return runner;
    } catch (e) {
      hold?.[Symbol.dispose]();
      place?.[Symbol.dispose]();
      arrived[Symbol.dispose]();
      await journalRefusal(c.journalDir, id);
      throw e;
    }
  }

  incoming(id: MigrationId): DestinationRunner | undefined {
    return this.#destinations.get(id)?.runner;
  }

  outgoing(id: MigrationId): SourceRunner | undefined {
    return this.#sources.get(id)?.runner;
  }

  /** What this agent, as a destination, can say of a migration; with a promise demanded, never less than one. */
  async standing(id: MigrationId, demandPromise: boolean, signal: AbortSignal): Promise<Answer> {
    if (demandPromise) await this.#offers.giveUp(id);
    const live = this.incoming(id);
    if (live !== undefined) return live.settled(demandPromise, signal);
    const file = await readJournal(this.context.journalDir, id, "destination");
    const last = file === undefined ? undefined : lastOf<DestinationEntry>(file, DESTINATION_ENTRIES)?.entry;
    if (last === "resumed" || last === "lost") return last;
    if (last === "promised" || (await isRefused(this.context.journalDir, id))) return "promised";
    if (!demandPromise) return "unknown";
    await journalRefusal(this.context.journalDir, id);
    // An offer that arrived meanwhile may not have seen that yet.
    await this.#offers.giveUp(id);
    return (await this.incoming(id)?.settled(true, signal)) ?? "promised";
  }

  /** Takes up an outgoing migration that was under way when the agent ended. */
  async recoverSource(file: JournalFile): Promise<void> {
    const c = this.context;
    const { header, lines } = file;
    const { plan, name } = header.offer;
    const has = (entry: JournalEntry): boolean => lines.some((l) => l.entry === entry);
    if (has("fencing") && !has("fenced")) this.#inBackground(header, fence);
    if (has("ended")) {
      if (has("aborting") && !has("fencing") && !has("closed")) this.#inBackground(header, closeRecord);
      return;
    }
    const hold = c.queue.seize({ uuid: plan.uuid, name }, this.#holding(plan.id));
    const journal = await MigrationJournal.reopen(c.journalDir, plan.id, "source");
    const runner = new SourceRunner(c, header, journal);
    const link = parseConnectionUri(header.destinationUri).host;
    const passage = c.outgoing.seize({
      id: plan.id,
      destinationUri: header.destinationUri,
      link,
      priority: 0,
      sinceMs: header.startedAtMs,
    });
    const outgoing = new OutgoingMigration(c, runner, hold, passage);
    this.#sources.set(plan.id, outgoing);
    c.news.began(header, "source");
    const call = { actor: header.actor, requestId: "", trace: header.trace };
    await c.operations.adopt({ id: plan.id, verb: "migrate", uuid: plan.uuid, name, call }, async (op) => {
      this.#news.watchedBy(plan.id, op);
      await outgoing.share();
      const last = lastOf<SourceEntry>(file, SOURCE_ENTRIES);
      const mayBeTakenBack = has("takingBack") && last?.entry !== "aborting";
      await this.#guard(runner, () => runner.resume(last?.entry ?? "begun", last?.note, mayBeTakenBack));
      return this.#conclude(outgoing, op.signal);
    });
  }

  /** Takes up an incoming migration that was under way when the agent ended. */
  async recoverDestination(file: JournalFile): Promise<void> {
    const c = this.context;
    const { header, lines } = file;
    if (lines.some((l) => l.entry === "ended")) return;
    const { plan } = header.offer;
    const name = plan.destinationName === "" ? header.offer.name : plan.destinationName;
    const hold = c.queue.seize(
      { uuid: plan.uuid, name },
      { verb: "migrate", operation: `operations/${plan.id}`, exclusive: true },
    );
    const journal = await MigrationJournal.reopen(c.journalDir, plan.id, "destination");
    const runner = new DestinationRunner(c, header, journal, () => this.#release(plan.id));
    const arrived = this.#offers.seize(header.offer, runner);
    this.#destinations.set(plan.id, { runner, hold, place: c.incoming.seize(plan.id), arrived });
    c.news.began(header, "destination");
    await runner.resume(lastOf<DestinationEntry>(file, DESTINATION_ENTRIES)?.entry ?? "begun");
  }

  /** The agent ends; the migrations go on in their journals. */
  async [Symbol.asyncDispose](): Promise<void> {
    const runners = [...this.#sources.values(), ...this.#destinations.values()];
    await Promise.all(runners.map(({ runner }) => runner[Symbol.asyncDispose]()));
  }

  /** Nobody changes a guest that is on its way out, but it may be ended as long as it is not decided where it runs. */
  #holding(id: MigrationId): ChangeInfo {
    return {
      verb: "migrate",
      operation: `operations/${id}`,
      exclusive: true,
      letGo: (actor) => this.#sources.get(id)?.runner.abandon(actor) ?? false,
    };
  }

  /** A guest that could not be taken: the machine is told, so that what was begun is undone. */
  async #guard(runner: SourceRunner, begin: () => Promise<void>): Promise<void> {
    try {
      await begin();
    } catch (e) {
      const error = VirtError.from(e);
      this.context.logger.warn(
        { err: e, migration: runner.header.offer.plan.id },
        "a migration could not be begun",
      );
      runner.tell({ fact: "commandFailed", effect: "begin", reason: error.reason, message: error.message });
    }
  }

  async #conclude(outgoing: OutgoingMigration, cancel: AbortSignal) {
    const { runner } = outgoing;
    const id = runner.header.offer.plan.id;
    const stop = (): void => runner.cancel("");
    cancel.addEventListener("abort", stop, { once: true });
    if (cancel.aborted) stop();
    const outcome = await runner.done;
    cancel.removeEventListener("abort", stop);
    this.#sources.delete(id);
    outgoing[Symbol.dispose]();
    return resultOf(runner.header, outcome);
  }

  /** From here on its journal answers a source that asks. */
  #release(id: MigrationId): void {
    const live = this.#destinations.get(id);
    this.#destinations.delete(id);
    live?.hold[Symbol.dispose]();
    live?.place[Symbol.dispose]();
    live?.arrived[Symbol.dispose]();
  }

  /** What was left to do behind the end of a migration. */
  #inBackground(
    header: JournalHeader,
    work: (c: MigrationContext, header: JournalHeader) => Promise<void>,
  ): void {
    work(this.context, header).catch((e: unknown) => {
      if (!this.context.signal.aborted)
        this.context.logger.error(
          { err: e, migration: header.offer.plan.id },
          "the record of a migration could not be closed",
        );
    });
  }
}

const SOURCE_ENTRIES: readonly string[] = [
  "begun",
  "deciding",
  "decided",
  "committing",
  "committed",
  "resumed",
  "lost",
  "aborting",
  "forfeited",
] satisfies SourceEntry[];
const DESTINATION_ENTRIES: readonly string[] = [
  "begun",
  "resuming",
  "pulling",
  "resumed",
  "lost",
  "promised",
] satisfies DestinationEntry[];

/** The last line of the machine's own. */
function lastOf<E extends string>(
  file: JournalFile,
  entries: readonly string[],
): { readonly entry: E; readonly note?: string } | undefined {
  const last = file.lines.findLast(({ entry }) => entries.includes(entry));
  return last as { readonly entry: E; readonly note?: string } | undefined;
}
