import { type Call, ownCall } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { OutgoingMigration, Tuning } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { messageOf, type Reason, VirtError } from "@virtmesh/core/errors";
import type { Generation } from "@virtmesh/core/ids";
import type { SourceFact } from "@virtmesh/core/migration/facts";
import type { Progress } from "@virtmesh/core/migration/progress";
import { beginSource, restartSource, stepSource } from "@virtmesh/core/migration/source";
import {
  type Common,
  type SourceEffect,
  type SourceEntry,
  type SourceState,
  type SourceStep,
  UNDECIDED,
} from "@virtmesh/core/migration/source-state";
import { parseConnectionUri } from "@virtmesh/core/uri";
import { withSpan } from "@virtmesh/kit/telemetry";
import type { MigrationContext, Outcome } from "./context.ts";
import { pointOf } from "./fault-points.ts";
import { DestinationPeer } from "./destination-peer.ts";
import type { JournalHeader, MigrationJournal } from "./journal.ts";
import { fenceNow, raisedGeneration } from "./record-hand.ts";
import { SourceHands, type SourceWork } from "./source-hands.ts";
import { SourceLimits } from "./source-limits.ts";
import { SourceProgress } from "./source-progress.ts";
import { surely } from "./surely.ts";
import { Timers } from "./timers.ts";

/** How long a destination may take, when all is decided, to become free for the next change. */
const THROUGH_MS = 2_000;

/**
 * The shell of the source's machine: feeds it with facts, one after the other, and starts what follows from each. All
 * that decides is in the machine; what it wants is carried out by `SourceHands`.
 */
export class SourceRunner implements AsyncDisposable {
  readonly header: JournalHeader;
  readonly done: Promise<Outcome>;
  readonly #c: MigrationContext;
  readonly #journal: MigrationJournal;
  readonly #common: Common;
  readonly #over = new AbortController();
  readonly #call: Call;
  readonly #peer: DestinationPeer;
  readonly #hands: SourceHands;
  readonly #limits: SourceLimits;
  readonly #progress: SourceProgress;
  readonly #facts: SourceFact[] = [];
  readonly #timers = new Timers();
  #resolve: (outcome: Outcome) => void = () => undefined;
  #state: SourceState;
  #outgoing: OutgoingMigration | undefined;
  /** Its process was gone when the agent came back. */
  #isGone = false;
  #endpoints: Endpoints | undefined;
  #draining = false;
  /** The destination is off, an operator says. */
  #deaf = false;

  constructor(c: MigrationContext, header: JournalHeader, journal: MigrationJournal) {
    this.#c = c;
    this.header = header;
    this.#journal = journal;
    const { offer } = header;
    this.#common = {
      mode: offer.plan.mode,
      disks: offer.disks.filter((d) => d.copy).map((d) => d.target),
      abortOnIoError: offer.plan.abortOnIoError,
      ...(offer.plan.postcopy === undefined ? {} : { postcopy: offer.plan.postcopy }),
    };
    this.#state = { phase: "preparing", ...this.#common };
    this.#call = ownCall(AbortSignal.any([this.#over.signal, c.signal]), header.trace);
    this.#peer = new DestinationPeer(c, header, this.#over.signal, (fact) => {
      if (!this.#deaf) this.tell(fact);
    });
    this.#hands = new SourceHands(c, this.#work());
    this.#limits = new SourceLimits(offer, (e) =>
      c.logger.warn(
        { migration: offer.plan.id, phase: this.#state.phase, err: e },
        "the share of the bandwidth could not be set",
      ),
    );
    this.#progress = new SourceProgress(c, header, {
      state: this.#state,
      timers: this.#timers,
      onStall: (stalled) => this.tell({ fact: "timedOut", stalled }),
    });
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get state(): SourceState {
    return this.#state;
  }

  get progress(): Progress {
    return this.#progress.now;
  }

  /** As the user wants it; its share may be less. */
  get tuning(): Tuning {
    return this.#limits.tuning;
  }

  /** Takes the guest and begins. */
  async begin(): Promise<void> {
    if (this.#isOpened()) {
      const open = need(this.#c.driver, "migrationSource", "open");
      this.#outgoing = await open(this.header.offer, (fact) => this.tell(fact), this.#call);
      await this.#limits.bind(this.#outgoing, this.#call);
    }
    this.#saw("begin", { common: this.#common });
    this.#enter(beginSource(this.#common));
    const limit = this.header.offer.plan.timeoutMs;
    if (limit > 0) this.#timers.after(limit, () => this.tell({ fact: "timedOut" }));
    if (this.#outgoing !== undefined) this.#progress.sample(this.#outgoing, this.#call);
  }

  /** Takes it up again after a restart of the agent. */
  async resume(entry: SourceEntry, note?: string, mayBeTakenBack = false): Promise<void> {
    this.#deaf = mayBeTakenBack;
    if (this.#isOpened()) {
      const reopen = need(this.#c.driver, "migrationSource", "reopen");
      // What the hypervisor shows is heard behind the beginning.
      this.#draining = true;
      const what = { migration: this.header.offer.plan.id, doing: "taking the guest up again" };
      // Without it nothing could be undone, and nothing said of what has become of it.
      this.#outgoing = await surely(this.#c, what, this.#call.signal, () =>
        reopen(this.header.offer, (fact) => this.tell(fact), this.#call),
      );
      if (this.#outgoing !== undefined) await this.#limits.bind(this.#outgoing, this.#call);
    }
    this.#isGone = this.#outgoing === undefined && this.#common.mode === "live";
    this.#saw("restart", { common: this.#common, entry, note });
    this.#enter(restartSource(this.#common, entry, note));
    this.#draining = false;
    this.#drain();
    if (this.#outgoing !== undefined) this.#progress.sample(this.#outgoing, this.#call);
    if (this.#isGone)
      this.tell({ fact: "sourceExited", message: "its process was gone when the agent came back" });
    if (mayBeTakenBack) void this.#findOut("").catch((err: unknown) => this.#stopped(err));
  }

  /** A driver has work to do here: of a guest that is off without disks to copy, nothing but its definition moves. */
  #isOpened(): boolean {
    return this.#common.mode === "live" || this.#common.disks.length > 0;
  }

  cancel(actor: string): void {
    this.tell({ fact: "cancelled", actor });
  }

  /**
   * The guest itself is about to be ended: gives up, without a word to its process.
   * @returns false, and goes on, when it may have been decided already that it runs elsewhere
   */
  abandon(actor: string): boolean {
    if (this.#outgoing === undefined || !UNDECIDED.has(this.#state.phase)) return false;
    this.tell({ fact: "destroyed", actor });
    return true;
  }

  /** @throws WRONG_STATE unless its memory is being sent and it was allowed */
  startPostcopy(): void {
    if (this.#common.postcopy === undefined)
      throw new VirtError(
        "WRONG_STATE",
        "this migration was begun without post-copy; begin it with --postcopy to have the choice",
      );
    if (this.#state.phase !== "sending")
      throw new VirtError(
        "WRONG_STATE",
        `post-copy begins while memory is sent, and this migration is ${this.#state.phase}`,
      );
    this.tell({ fact: "postcopyWanted" });
  }

  /** @throws WRONG_STATE unless it is in post-copy */
  recover(): void {
    if (this.#state.phase !== "stranded" && this.#state.phase !== "pulling")
      throw new VirtError(
        "WRONG_STATE",
        `only a post-copy can be recovered, and this migration is ${this.#state.phase}`,
      );
    this.tell({ fact: "recoverWanted" });
  }

  /**
   * An operator has made sure that the destination is off. Nothing it may say counts any more; the guest goes on here
   * as soon as record and run token say so. @throws EVENTS_UNAVAILABLE, RUN_TOKEN_UNREACHABLE: then nothing has changed,
   * or it is found out as soon as NATS answers that it has
   */
  async takeBack(actor: string): Promise<void> {
    this.#deaf = true;
    let raised: Generation;
    try {
      raised = await fenceNow(this.#c, this.header);
      // Before the run token says so: from then on a destination that comes back ends the guest, whatever became of it.
      await this.#journal.append("takingBack");
    } catch (e) {
      this.#hearAgain();
      throw e;
    }
    try {
      const { host } = parseConnectionUri(this.header.destinationUri);
      await this.#c.tokens.takeBack(this.header.offer.plan.uuid, raised, host);
    } catch (e) {
      void this.#findOut(actor).catch((err: unknown) => this.#stopped(err));
      throw e;
    }
    this.tell({ fact: "takenBack", actor });
  }

  #hearAgain(): void {
    this.#deaf = false;
    this.#take({ fact: "peerLost", message: "it was not heard while the guest was to be taken back" });
  }

  /** Whether the guest was taken back: until that is known, nothing that the destination says counts. */
  async #findOut(actor: string): Promise<void> {
    const { id, uuid } = this.header.offer.plan;
    const what = { migration: id, doing: "finding out whether the guest was taken back" };
    const isOurs = await surely(this.#c, what, this.#call.signal, () =>
      this.#c.tokens.hasTakenBack(uuid, raisedGeneration(this.header)),
    );
    if (isOurs) return this.tell({ fact: "takenBack", actor });
    this.#hearAgain();
  }

  /** Only with the agent itself: the next one goes on from the journal. */
  #stopped(err: unknown): void {
    if (this.#call.signal.aborted) return;
    this.#c.logger.error({ migration: this.header.offer.plan.id, err }, "a migration stands still");
  }

  /** Changes limits, from what they are now. */
  async tune(change: (now: Tuning) => Tuning): Promise<void> {
    if (this.#outgoing === undefined)
      throw new VirtError("WRONG_STATE", "an offline migration has no limits to change");
    await this.#limits.tune(change(this.#limits.tuning));
  }

  /** Its share of the bandwidth is another now; 0 without a limit. */
  async limit(share: bigint): Promise<void> {
    await this.#limits.limit(share);
  }

  /** One fact: steps the machine and starts what follows from it, in order. */
  tell(fact: SourceFact): void {
    const held = this.#c.points?.hold(this.header.offer.plan.id, pointOf("source", fact));
    if (held === undefined) this.#take(fact);
    else void held.then(() => this.#take(fact));
  }

  #take(fact: SourceFact): void {
    this.#facts.push(fact);
    this.#drain();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let next = this.#facts.shift(); next !== undefined; next = this.#facts.shift()) {
        this.#note(next);
        this.#enter(stepSource(this.#state, next));
      }
    } finally {
      this.#draining = false;
    }
  }

  #saw(kind: "begin" | "restart" | "fact" | "finished", detail: unknown): void {
    const { phase } = this.#state;
    this.#c.points?.saw({ migration: this.header.offer.plan.id, side: "source", kind, phase, detail });
  }

  #note(fact: SourceFact): void {
    if (fact.fact !== "journalled")
      this.#c.logger.debug(
        { migration: this.header.offer.plan.id, phase: this.#state.phase, fact },
        "migration fact",
      );
    this.#saw("fact", fact);
    this.#c.news.heard(this.header, "source", fact);
    if (fact.fact === "peerPrepared") this.#endpoints = fact.endpoints;
    this.#progress.hear(fact);
  }

  #enter(step: SourceStep): void {
    this.#state = step.state;
    for (const effect of step.effects) this.#start(effect);
    this.#progress.enter(step.state);
  }

  #work(): SourceWork {
    return {
      header: this.header,
      journal: this.#journal,
      peer: this.#peer,
      call: this.#call,
      timers: this.#timers,
      now: () => ({
        state: this.#state,
        outgoing: this.#outgoing,
        isGone: this.#isGone,
        endpoints: this.#endpoints,
      }),
      tell: (fact) => this.tell(fact),
      finish: () => this.#finish(),
    };
  }

  /** Starts an effect; what comes of it is a fact. */
  #start(effect: SourceEffect): void {
    const span = {
      parentTrace: this.header.trace,
      attributes: { "vm.migration.id": this.header.offer.plan.id },
    };
    withSpan(`migration.${effect.effect}`, span, () => this.#carryOutHeld(effect)).catch((e: unknown) => {
      // Also when only the agent ends: the migration does not.
      if (this.#call.signal.aborted) return;
      const error = VirtError.is(e) ? e : new VirtError("INTERNAL", messageOf(e), {}, { cause: e });
      this.#c.logger.warn(
        { migration: this.header.offer.plan.id, effect: effect.effect, err: e },
        "migration command failed",
      );
      this.tell({
        fact: "commandFailed",
        effect: effect.effect,
        reason: error.reason,
        message: error.message,
      });
    });
  }

  async #carryOutHeld(effect: SourceEffect): Promise<void> {
    const { points } = this.#c;
    if (points === undefined) return this.#hands.carryOut(effect);
    const [id, point] = [this.header.offer.plan.id, pointOf("source", effect)];
    await points.hold(id, point);
    if (this.#over.signal.aborted) return;
    await this.#hands.carryOut(effect);
    await points.hold(id, `${point}.done`);
  }

  async #finish(): Promise<void> {
    // Who hears that it is over may change the guest there at once: the destination must have let go of it.
    await this.#peer.through(THROUGH_MS);
    if (this.#over.signal.aborted) return;
    // Once it has ended nobody does this again: a guest whose token stayed here could be started a second time, and its
    // next migration would be decided under the generation of this one.
    await this.#hands.tokenSettled;
    const outcome = this.#outcomeOf(this.#state);
    const note = outcome.outcome === "moved" ? "moved" : outcome.message;
    const what = { migration: this.header.offer.plan.id, doing: "writing down the end" };
    await surely(this.#c, what, this.#call.signal, () => this.#journal.append("ended", note));
    await this.#journal[Symbol.asyncDispose]();
    this.#letGo();
    this.#c.news.ended(this.header, "source", outcome);
    this.#saw("finished", outcome.outcome);
    this.#resolve(outcome);
  }

  #outcomeOf(state: SourceState): Outcome {
    if (state.phase === "failed" || state.phase === "cancelled") {
      const reason: Reason = state.cause.reason;
      return {
        outcome: "stayed",
        cancelled: state.phase === "cancelled",
        reason,
        message: state.cause.message,
        guestLost: state.guestLost,
        leftovers: state.leftovers,
      };
    }
    return {
      outcome: "moved",
      report: this.#progress.report(),
      leftovers: state.phase === "completed" ? state.leftovers : [],
    };
  }

  /** Ends what this runner owns; what was sent to the peer still goes out. */
  #letGo(): void {
    this.#timers[Symbol.dispose]();
    this.#progress[Symbol.dispose]();
    this.#peer[Symbol.dispose]();
    this.#outgoing?.close();
  }

  /** The agent ends, the migration does not: its journal says where it goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#letGo();
    this.#over.abort();
    await this.#journal[Symbol.asyncDispose]();
  }
}
