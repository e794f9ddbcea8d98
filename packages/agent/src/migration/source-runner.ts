import { type Call, ownCall } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { MigrationSample, OutgoingMigration, Tuning } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { messageOf, type Reason, VirtError } from "@virtmesh/core/errors";
import type { SourceFact } from "@virtmesh/core/migration/facts";
import { advance, noProgress, type Progress } from "@virtmesh/core/migration/progress";
import { beginSource, restartSource, stepSource } from "@virtmesh/core/migration/source";
import {
  type Common,
  type SourceEffect,
  type SourceEntry,
  type SourcePhase,
  type SourceState,
  type SourceStep,
  UNDECIDED,
} from "@virtmesh/core/migration/source-state";
import { withinShare } from "@virtmesh/core/traffic/tuning";
import { parseConnectionUri } from "@virtmesh/core/uri";
import { withSpan } from "@virtmesh/kit/telemetry";
import type { MigrationContext, Outcome } from "./context.ts";
import { pointOf } from "./fault-points.ts";
import { DestinationPeer } from "./destination-peer.ts";
import type { JournalHeader, MigrationJournal } from "./journal.ts";
import { StallWatch } from "./stall-watch.ts";
import { closeRecord, fence, fenceNow, RecordHand } from "./record-hand.ts";
import { Timeline } from "./report.ts";
import { offerToWire } from "./wire.ts";

/** How often the hypervisor is looked at for the progress that people see. Never a ground for a decision. */
const SAMPLE_MS = 250;
/** Behind the time from which on the progress calls it stuck (progress.ts). */
const STUCK_MS = 5_500;
/** How long a destination that was told to give up may take to say that it did. */
const PATIENCE_MS = 10_000;

/** How long a destination may take, when all is decided, to become free for the next change. */
const THROUGH_MS = 2_000;

/** The longest pause between two tries to mend a post-copy. */
const RECOVER_AT_MOST_MS = 15_000;

/** Phases in which what the destination knows decides how it goes on. */
const WANTS_ANSWER: ReadonlySet<SourcePhase> = new Set([
  "deciding",
  "inDoubt",
  "resuming",
  "pulling",
  "stranded",
  "losing",
]);

/** Phases in which bytes move. */
const SAMPLED: ReadonlySet<SourcePhase> = new Set(["copying", "sending", "pulling"]);
/** Phases after which there will be such, or may be. */
const BEFORE_SAMPLES: ReadonlySet<SourcePhase> = new Set([
  "preparing",
  "switching",
  "committing",
  "deciding",
  "inDoubt",
  "resuming",
  "stranded",
]);

/** A link that is back is noticed by the agents at once; this is for the memory's link alone. */
function recoverPause(attempts: number): number {
  return Math.min(RECOVER_AT_MOST_MS, 500 * 2 ** Math.min(attempts, 10));
}

/**
 * The shell of the source's machine: carries its effects out and brings back what came of them. All that
 * decides is in the machine; here are only the hands.
 */
export class SourceRunner implements AsyncDisposable {
  readonly header: JournalHeader;
  readonly done: Promise<Outcome>;
  readonly #c: MigrationContext;
  readonly #journal: MigrationJournal;
  readonly #common: Common;
  readonly #timeline = new Timeline();
  readonly #over = new AbortController();
  readonly #call: Call;
  readonly #peer: DestinationPeer;
  readonly #record: RecordHand;
  readonly #stall: StallWatch;
  readonly #facts: SourceFact[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #resolve: (outcome: Outcome) => void = () => undefined;
  #state: SourceState;
  #progress: Progress;
  #tuning: Tuning;
  /** What it may have of the bandwidth that all share; 0 without a limit. */
  #share = 0n;
  #outgoing: OutgoingMigration | undefined;
  #endpoints: Endpoints | undefined;
  #draining = false;
  /** The destination is off, an operator says. */
  #deaf = false;
  #surrendering: Promise<void> = Promise.resolve();
  /** The next try to mend a post-copy. */
  #recovering: Disposable | undefined;
  #hypervisorDowntimeMs = 0;

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
    this.#tuning = offer.plan.tuning;
    this.#call = ownCall(AbortSignal.any([this.#over.signal, c.signal]), header.trace);
    this.#progress = noProgress(
      offer.disks
        .filter((d) => d.copy)
        .map((d) => ({
          target: d.target,
          totalBytes: d.capacityBytes,
          copiedBytes: 0n,
          ready: false,
          destinationPath: d.destinationPath,
        })),
      offer.memoryBytes,
      Date.now(),
    );
    this.#peer = new DestinationPeer(c, header, this.#over.signal, (fact) => {
      if (!this.#deaf) this.tell(fact);
    });
    this.#record = new RecordHand(c, header);
    this.#stall = new StallWatch(c.stallMs, (stalled) => this.tell({ fact: "timedOut", stalled }));
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get state(): SourceState {
    return this.#state;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** As the user wants it; its share may be less. */
  get tuning(): Tuning {
    return this.#tuning;
  }

  /** Takes the guest and begins. */
  async begin(): Promise<void> {
    if (this.#isOpened()) {
      const open = need(this.#c.driver, "migrationSource", "open");
      this.#outgoing = await open(this.header.offer, (fact) => this.tell(fact), this.#call);
      await this.#applyShare();
    }
    this.#saw("begin", { common: this.#common });
    this.#enter(beginSource(this.#common));
    const limit = this.header.offer.plan.timeoutMs;
    if (limit > 0) this.#after(limit, () => this.tell({ fact: "timedOut" }));
    this.#sampleLater();
  }

  /** Takes it up again after a restart of the agent. */
  async resume(entry: SourceEntry): Promise<void> {
    if (this.#isOpened()) {
      const reopen = need(this.#c.driver, "migrationSource", "reopen");
      // What the hypervisor shows is heard behind the beginning.
      this.#draining = true;
      this.#outgoing = await reopen(this.header.offer, (fact) => this.tell(fact), this.#call);
      await this.#applyShare();
    }
    this.#saw("restart", { common: this.#common, entry });
    this.#enter(restartSource(this.#common, entry));
    this.#draining = false;
    this.#drain();
    this.#sampleLater();
    if (this.#outgoing === undefined && this.#common.mode === "live") {
      this.tell({ fact: "sourceExited", message: "its process was gone when the agent came back" });
    }
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
   * as soon as record and run token say so. @throws EVENTS_UNAVAILABLE, RUN_TOKEN_UNREACHABLE: then nothing has changed
   */
  async takeBack(actor: string): Promise<void> {
    const { uuid } = this.header.offer.plan;
    this.#deaf = true;
    try {
      const raised = await fenceNow(this.#c, this.header);
      await this.#c.tokens.takeBack(uuid, raised, parseConnectionUri(this.header.destinationUri).host);
    } catch (e) {
      this.#deaf = false;
      this.#take({ fact: "peerLost", message: "it was not heard while the guest was to be taken back" });
      throw e;
    }
    this.tell({ fact: "takenBack", actor });
  }

  /** Changes limits, from what they are now. */
  async tune(change: (now: Tuning) => Tuning): Promise<void> {
    if (this.#outgoing === undefined)
      throw new VirtError("WRONG_STATE", "an offline migration has no limits to change");
    const tuning = change(this.#tuning);
    await this.#outgoing.tune(withinShare(tuning, this.#share, this.#common.disks.length), this.#call);
    this.#tuning = tuning;
  }

  /** Its share of the bandwidth is another now; 0 without a limit. */
  async limit(share: bigint): Promise<void> {
    const before = this.#share;
    this.#share = share;
    if (share !== before) await this.#applyShare(before);
  }

  /** A hypervisor that does not take it now is past the point where it matters. */
  async #applyShare(before = 0n): Promise<void> {
    if (this.#outgoing === undefined || (this.#share === 0n && before === 0n)) return;
    try {
      await this.#outgoing.tune(
        withinShare(this.#tuning, this.#share, this.#common.disks.length),
        this.#call,
      );
    } catch (e) {
      this.#c.logger.warn(
        { migration: this.header.offer.plan.id, phase: this.#state.phase, err: e },
        "the share of the bandwidth could not be set",
      );
    }
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
    if (fact.fact === "switchover") this.#timeline.stopped(fact.stoppedForMs);
    if (fact.fact === "peerPulling" || (fact.fact === "peerResumed" && fact.downtimeMs > 0))
      this.#hypervisorDowntimeMs = fact.downtimeMs;
    if (fact.fact === "mirrorReady") this.#show({ ready: [fact.disk] });
  }

  #enter(step: SourceStep): void {
    const moved = step.state.phase !== this.#state.phase;
    this.#state = step.state;
    this.#timeline.enter(step.state.phase);
    for (const effect of step.effects) this.#start(effect);
    if (moved) this.#show({});
    // Long enough for any destination that is there: from here on people are told that it is not.
    if (moved && (step.state.phase === "resuming" || step.state.phase === "inDoubt"))
      this.#after(STUCK_MS, () => this.#show({}));
    // The last look, for the report: all was sent, and the source's QEMU waits for nothing any more.
    if (moved && step.state.phase === "resuming") void this.#sampleOnce();
  }

  #show(now: { readonly sample?: MigrationSample; readonly ready?: readonly string[] }): void {
    const { sample, ready } = now;
    this.#stall.look(this.#state.phase, now);
    this.#progress = advance(this.#progress, {
      phase: this.#state.phase,
      nowMs: Date.now(),
      postcopy: this.#isPostcopy(),
      ...(sample === undefined ? {} : { sample }),
      ...(ready === undefined ? {} : { ready }),
    });
    this.#c.news.progressed(this.header, this.#progress);
  }

  #isPostcopy(): boolean {
    const state = this.#state;
    if (state.phase === "sending") return state.wanted === "postcopy";
    return state.phase === "committing" || ("order" in state && state.order === "postcopy");
  }

  /** Starts an effect; what comes of it is a fact. */
  #start(effect: SourceEffect): void {
    const span = {
      parentTrace: this.header.trace,
      attributes: { "vm.migration.id": this.header.offer.plan.id },
    };
    withSpan(`migration.${effect.effect}`, span, () => this.#carryOutHeld(effect)).catch((e: unknown) => {
      if (this.#over.signal.aborted) return;
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
    if (points === undefined) return this.#carryOut(effect);
    const [id, point] = [this.header.offer.plan.id, pointOf("source", effect)];
    await points.hold(id, point);
    if (this.#over.signal.aborted) return;
    await this.#carryOut(effect);
    await points.hold(id, `${point}.done`);
  }

  async #carryOut(effect: SourceEffect): Promise<void> {
    const { plan, nextGeneration } = this.header.offer;
    switch (effect.effect) {
      case "offer":
        return this.#peer.open({ $case: "prepare", value: offerToWire(this.header.offer) });
      case "startMirrors":
        return this.#outgoing?.startMirrors(effect.endpoints, this.#call);
      case "sendMemory":
        return this.#outgoing?.sendMemory(this.#knownEndpoints(), this.#call);
      case "concludeMirrors":
        return this.#outgoing?.concludeMirrors(this.#call);
      case "continueSwitchover":
        if (this.#outgoing === undefined)
          return this.tell({ fact: "sourceExited", message: "its process is not there any more" });
        return this.#outgoing.continueSwitchover(this.#call);
      case "startPostcopy":
        return this.#outgoing?.startPostcopy?.(this.#call);
      case "recover":
        this.#peer.say({ $case: "recover", value: {} });
        this.#recovering?.[Symbol.dispose]();
        this.#recovering = this.#after(recoverPause(effect.attempts), () =>
          this.tell({ fact: "recoverDue" }),
        );
        return;
      case "resumePostcopy":
        return this.#outgoing?.resumePostcopy?.(effect.address, this.#call);
      case "breakPostcopy":
        return this.#outgoing?.breakPostcopy?.(this.#call);
      case "tellGone":
        return this.#peer.sayOrOpen({ $case: "gone", value: { message: effect.message } });
      case "tellMirrorsConcluded":
        return this.#peer.say({ $case: "mirrorsConcluded", value: {} });
      case "tellDecided":
        return this.#peer.say({
          $case: "decided",
          value: { generation: nextGeneration },
        });
      case "tellAbort":
        return this.#peer.sayOrOpen({ $case: "abort", value: { reason: effect.reason } });
      case "tellRetired":
        return this.#peer.say({ $case: "retired", value: {} });
      case "journal":
        await this.#journal.append(effect.entry);
        return this.tell({ fact: "journalled", entry: effect.entry });
      case "decide":
        return this.tell(await this.#record.decide(this.#call.signal));
      case "readRecord": {
        const fact = await this.#record.watch(this.#call.signal, () => this.#state.phase === "inDoubt");
        return fact === undefined ? undefined : this.tell(fact);
      }
      case "closeRecord":
        return closeRecord(this.#c, this.header);
      case "fence":
        await this.#journal.append("fencing");
        return fence(this.#c, this.header);
      case "askPeer":
        return this.#peer.ask(effect.demandPromise, () => this.#needsAnswer());
      case "rollBack":
        if (this.#outgoing === undefined) return this.tell({ fact: "rolledBack" });
        return this.#outgoing.rollBack({ linkLost: effect.linkLost }, this.#call);
      case "end":
        if (this.#outgoing?.end !== undefined) return this.#outgoing.end(this.#call);
        return this.tell({ fact: "sourceExited", message: "its process is not there any more" });
      case "surrender":
        this.#surrendering = this.#c.tokens.surrender(plan.uuid, {
          host: parseConnectionUri(this.header.destinationUri).host,
          generation: nextGeneration,
        });
        return this.#surrendering;
      case "retire":
        return this.#retire();
      case "startPatience":
        this.#after(PATIENCE_MS, () => this.tell({ fact: "patienceOver" }));
        return;
      case "finish":
        return this.#finish();
    }
  }

  #knownEndpoints(): Endpoints {
    if (this.#endpoints === undefined)
      throw new VirtError("INTERNAL", "memory was to be sent before the destination was ready");
    return this.#endpoints;
  }

  async #retire(): Promise<void> {
    const undefine = this.header.undefineSource;
    if (this.#outgoing !== undefined) return this.#outgoing.retire({ undefine }, this.#call);
    const retireGone = need(this.#c.driver, "migrationSource", "retireGone");
    await retireGone(this.header.offer, { undefine }, this.#call);
    this.tell({ fact: "retired" });
  }

  #needsAnswer(): boolean {
    const { phase } = this.#state;
    return !this.#call.signal.aborted && WANTS_ANSWER.has(phase);
  }

  #after(ms: number, run: () => void): Disposable {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        this.#timers.delete(timer);
      },
    };
  }

  #sampleLater(): void {
    const { phase } = this.#state;
    if (this.#outgoing === undefined || this.#over.signal.aborted) return;
    if (!BEFORE_SAMPLES.has(phase) && !SAMPLED.has(phase)) return;
    this.#after(SAMPLE_MS, () => {
      const sampled = SAMPLED.has(this.#state.phase);
      void (sampled ? this.#sampleOnce() : Promise.resolve()).finally(() => this.#sampleLater());
    });
  }

  async #sampleOnce(): Promise<void> {
    const { phase } = this.#state;
    if (this.#outgoing === undefined) return;
    try {
      const sample = await this.#outgoing.sample(this.#call);
      if (this.#state.phase === phase) this.#show({ sample });
    } catch (e) {
      this.#c.logger.debug(
        { migration: this.header.offer.plan.id, err: e },
        "no sample of the progress this time",
      );
    }
  }

  async #finish(): Promise<void> {
    const state = this.#state;
    const outcome = this.#outcomeOf(state);
    // Who hears that it is over may change the guest there at once: the destination must have let go of it.
    await this.#peer.through(THROUGH_MS);
    if (this.#over.signal.aborted) return;
    // Once it has ended nobody does this again: a guest whose token stayed here could be started a second time.
    await this.#surrendering;
    await this.#journal.append("ended", outcome.outcome === "moved" ? "moved" : outcome.message);
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
      report: this.#timeline.report(this.#progress, this.#hypervisorDowntimeMs),
      leftovers: state.phase === "completed" ? state.leftovers : [],
    };
  }

  /** Ends what this runner owns; what was sent to the peer still goes out. */
  #letGo(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#stall[Symbol.dispose]();
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
