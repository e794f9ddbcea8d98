import { setTimeout as delay } from "node:timers/promises";
import type { SessionRequest, SessionResponse } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { type Call, ownCall } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { IncomingMigration } from "@virtmesh/core/driver/migration";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { generation } from "@virtmesh/core/ids";
import {
  beginDestination,
  restartDestination,
  standingOf,
  stepDestination,
} from "@virtmesh/core/migration/destination";
import type {
  DestinationEffect,
  DestinationEntry,
  DestinationState,
  DestinationStep,
} from "@virtmesh/core/migration/destination-state";
import type { Answer, DestinationFact } from "@virtmesh/core/migration/facts";
import { withSpan } from "@virtmesh/kit/telemetry";
import type { MigrationContext } from "./context.ts";
import { pointOf } from "./fault-points.ts";
import type { JournalHeader, MigrationJournal } from "./journal.ts";
import type { PeerLink } from "./peer-link.ts";
import { recordTimeoutMs } from "./record-hand.ts";
import { surely } from "./surely.ts";
import { endpointsToWire, standingToWire } from "./wire.ts";

const WITHDRAW_AGAIN_MS = 500;

/** Not kept waiting by the work before them: what is said was made durable before the machine says it. */
const AT_ONCE: ReadonlySet<DestinationEffect["effect"]> = new Set([
  "withdraw",
  "confirm",
  "tellPrepared",
  "tellLoaded",
  "tellAccepted",
  "tellPulling",
  "tellRecoverable",
  "tellLostGuest",
  "tellResumed",
  "tellFailed",
  "tellDiscarded",
]);

export type DestinationLink = PeerLink<SessionResponse, SessionRequest>;

/** The shell of the destination's machine. What it does here is done one after the other; what it says is said at once. */
export class DestinationRunner implements AsyncDisposable {
  readonly header: JournalHeader;
  readonly #c: MigrationContext;
  readonly #journal: MigrationJournal;
  readonly #over = new AbortController();
  readonly #call: Call;
  readonly #facts: DestinationFact[] = [];
  readonly #changed = new Set<() => void>();
  readonly #onEnd: () => void;
  #state: DestinationState = { phase: "preparing" };
  #incoming: IncomingMigration | undefined;
  #link: DestinationLink | undefined;
  #work: Promise<void> = Promise.resolve();
  #draining = false;
  #ended = false;

  /** `onEnd`: it is over, and the guest and its name are free for others. */
  constructor(c: MigrationContext, header: JournalHeader, journal: MigrationJournal, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#c = c;
    this.header = header;
    this.#journal = journal;
    this.#call = ownCall(AbortSignal.any([this.#over.signal, c.signal]), header.trace);
  }

  get standing(): Answer {
    return standingOf(this.#state);
  }

  get phase(): DestinationState["phase"] {
    return this.#state.phase;
  }

  /** Its source has a session with it. */
  get isHeard(): boolean {
    return this.#link !== undefined;
  }

  begin(link: DestinationLink): void {
    this.#link = link;
    this.#saw("begin", {});
    this.#enter(beginDestination());
  }

  /** Takes it up again after a restart of the agent. */
  async resume(entry: DestinationEntry): Promise<void> {
    const reopen = need(this.#c.driver, "migrationDestination", "reopen");
    // What the hypervisor shows is heard behind the beginning.
    this.#draining = true;
    this.#incoming = await reopen(this.header.offer, (fact) => this.tell(fact), this.#call);
    const { nextGeneration, plan } = this.header.offer;
    const alive = this.#incoming?.alive ?? false;
    const postcopy = plan.postcopy !== undefined;
    this.#saw("restart", { entry, nextGeneration, alive, postcopy });
    this.#enter(restartDestination(entry, nextGeneration, { alive, postcopy }));
    this.#draining = false;
    this.#drain();
  }

  /** A source that came back: the session goes on over this link. */
  attach(link: DestinationLink): void {
    this.#link = link;
    link.send({
      message: { $case: "standing", value: { standing: standingToWire(this.standing), failure: "" } },
    });
    if (this.#ended) link[Symbol.dispose]();
  }

  /** That link broke. One that was replaced does not count. */
  lost(link: DestinationLink, why: string): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.tell({ fact: "sourceLost", message: why });
  }

  hear(request: SessionRequest): void {
    const m = request.message;
    if (m === undefined) return;
    switch (m.$case) {
      case "mirrorsConcluded":
        return this.tell({ fact: "sourceMirrorsConcluded" });
      case "decided":
        return this.tell({ fact: "sourceDecided", generation: generation(m.value.generation) });
      case "abort":
        return this.tell({ fact: "sourceAborted", reason: m.value.reason });
      case "retired":
        return this.tell({ fact: "sourceRetired" });
      case "recover":
        return this.tell({ fact: "sourceRecovers" });
      case "gone":
        return this.tell({ fact: "sourceGone", message: m.value.message });
      case "prepare":
      case "reattach":
      case "heartbeat":
        return;
    }
  }

  /** Where it stands once it is not between two stands. With a promise demanded, it gives one unless it has resumed. */
  async settled(demandPromise: boolean, signal: AbortSignal): Promise<Answer> {
    if (demandPromise) this.tell({ fact: "promiseDemanded" });
    while (this.#state.phase === "discarding" || this.#state.phase === "promising") {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#changed.add(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.standing;
  }

  tell(fact: DestinationFact): void {
    const held = this.#c.points?.hold(this.header.offer.plan.id, pointOf("destination", fact));
    if (held === undefined) this.#take(fact);
    else void held.then(() => this.#take(fact));
  }

  #take(fact: DestinationFact): void {
    this.#facts.push(fact);
    this.#drain();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let next = this.#facts.shift(); next !== undefined; next = this.#facts.shift()) {
        this.#c.logger.debug(
          { migration: this.header.offer.plan.id, phase: this.#state.phase, fact: next },
          "incoming migration fact",
        );
        this.#saw("fact", next);
        this.#c.news.heard(this.header, "destination", next);
        this.#enter(stepDestination(this.#state, next));
      }
    } finally {
      this.#draining = false;
    }
  }

  #saw(kind: "begin" | "restart" | "fact" | "finished", detail: unknown): void {
    const { phase } = this.#state;
    this.#c.points?.saw({ migration: this.header.offer.plan.id, side: "destination", kind, phase, detail });
  }

  #enter(step: DestinationStep): void {
    this.#state = step.state;
    for (const effect of step.effects) {
      if (AT_ONCE.has(effect.effect)) void this.#guard(effect);
      else this.#work = this.#work.then(() => this.#guard(effect));
    }
    for (const wake of this.#changed) wake();
    this.#changed.clear();
  }

  async #guard(effect: DestinationEffect): Promise<void> {
    if (this.#over.signal.aborted) return;
    try {
      const span = {
        parentTrace: this.header.trace,
        attributes: { "vm.migration.id": this.header.offer.plan.id },
      };
      await withSpan(`incoming.${effect.effect}`, span, () => this.#carryOutHeld(effect));
    } catch (e) {
      // Also when only the agent ends: the migration does not.
      if (this.#call.signal.aborted) return;
      const error = VirtError.is(e) ? e : new VirtError("INTERNAL", messageOf(e), {}, { cause: e });
      this.#c.logger.warn(
        { migration: this.header.offer.plan.id, effect: effect.effect, err: e },
        "incoming migration command failed",
      );
      this.tell({
        fact: "commandFailed",
        effect: effect.effect,
        reason: error.reason,
        message: error.message,
      });
    }
  }

  async #carryOutHeld(effect: DestinationEffect): Promise<void> {
    const { points } = this.#c;
    if (points === undefined) return this.#carryOut(effect);
    const [id, point] = [this.header.offer.plan.id, pointOf("destination", effect)];
    await points.hold(id, point);
    if (this.#over.signal.aborted) return;
    await this.#carryOut(effect);
    await points.hold(id, `${point}.done`);
  }

  async #carryOut(effect: DestinationEffect): Promise<void> {
    const { plan } = this.header.offer;
    switch (effect.effect) {
      case "prepare":
        return this.#prepare();
      case "closeExports":
        return this.#incoming?.closeExports(this.#call);
      case "journal":
        // What can still be given up is; a promise, or what the guest has become, must be written.
        if (effect.entry === "begun" || effect.entry === "resuming") await this.#journal.append(effect.entry);
        else await this.#surely(`writing "${effect.entry}"`, () => this.#journal.append(effect.entry));
        return this.tell({ fact: "journalled", entry: effect.entry });
      case "resume":
        return this.#incoming?.resume(this.#call);
      case "adopt":
        return this.#surely("taking the run token", () => this.#c.tokens.adopt(plan.uuid, effect.generation));
      case "discard": {
        const leftovers = await this.#surely("ending the incoming guest", async () =>
          this.#incoming?.discard(this.#call),
        );
        return this.tell({ fact: "discarded", leftovers: leftovers ?? [] });
      }
      case "withdraw":
        return this.#withdraw();
      case "confirm":
        return this.#confirm();
      case "tellPrepared":
        return this.#send({ $case: "prepared", value: endpointsToWire(effect.endpoints) });
      case "tellLoaded":
        return this.#send({ $case: "loaded", value: {} });
      case "tellAccepted":
        return this.#send({ $case: "accepted", value: {} });
      case "tellPulling":
        return this.#send({
          $case: "pulling",
          value: { hypervisorDowntimeMs: BigInt(Math.round(effect.downtimeMs)) },
        });
      case "openRecovery":
        return this.#incoming?.openRecovery?.(this.#call);
      case "tellRecoverable":
        return this.#send({ $case: "recoverable", value: { memoryAddress: effect.address } });
      case "abandon":
        return this.#incoming?.abandon?.(this.#call);
      case "tellLostGuest":
        return this.#send({ $case: "lostGuest", value: { message: effect.message } });
      case "tellResumed":
        return this.#send({
          $case: "resumed",
          value: { hypervisorDowntimeMs: BigInt(Math.round(effect.downtimeMs)) },
        });
      case "tellFailed":
        return this.#send({
          $case: "failed",
          value: { reason: effect.reason, message: effect.message, promise: true },
        });
      case "tellDiscarded":
        return this.#send({ $case: "discarded", value: { leftovers: [...effect.leftovers] } });
      case "finish":
        return this.#finish();
    }
  }

  async #prepare(): Promise<void> {
    const prepare = need(this.#c.driver, "migrationDestination", "prepare");
    try {
      this.#incoming = await prepare(this.header.offer, (fact) => this.tell(fact), this.#call);
    } catch (e) {
      const error = VirtError.from(e);
      this.#c.logger.warn(
        { migration: this.header.offer.plan.id, err: e },
        "preparing an incoming migration failed",
      );
      return this.tell({ fact: "prepareFailed", reason: error.reason, message: error.message });
    }
    this.tell({ fact: "prepared", endpoints: this.#incoming.endpoints });
  }

  async #withdraw(): Promise<void> {
    const { plan, nextGeneration } = this.header.offer;
    const said = await this.#c.records.decide(plan.id, "source", generation(nextGeneration - 1n), {
      timeoutMs: recordTimeoutMs(this.#c),
      signal: this.#call.signal,
    });
    if (said === "source") return this.tell({ fact: "recordSource" });
    if (said === "destination") return this.tell({ fact: "recordDestination", generation: nextGeneration });
    await delay(WITHDRAW_AGAIN_MS, undefined, { signal: this.#call.signal });
    this.tell({ fact: "recordUnknown", message: "the record could not be reached" });
  }

  /** Only a fence counts: it raises the generation. What this host's own withdrawal may have written does not. */
  async #confirm(): Promise<void> {
    const { plan, nextGeneration } = this.header.offer;
    const bounds = { timeoutMs: recordTimeoutMs(this.#c), signal: this.#call.signal };
    try {
      const stored = await this.#c.records.get(plan.id, bounds);
      const isFenced = stored !== undefined && stored.record.generation > nextGeneration;
      this.tell(
        isFenced ? { fact: "recordSource" } : { fact: "recordDestination", generation: nextGeneration },
      );
    } catch (e) {
      if (!VirtError.is(e) || e.reason !== "EVENTS_UNAVAILABLE") throw e;
      await delay(WITHDRAW_AGAIN_MS, undefined, { signal: this.#call.signal });
      this.tell({ fact: "recordUnknown", message: e.message });
    }
  }

  #send(message: NonNullable<SessionResponse["message"]>): void {
    this.#link?.send({ message });
  }

  #surely<T>(doing: string, work: () => Promise<T>): Promise<T> {
    const migration = this.header.offer.plan.id;
    return surely(this.#c, { migration, doing }, this.#call.signal, work);
  }

  async #finish(): Promise<void> {
    const { phase } = this.#state;
    // Before it has ended: nobody does this again, and the source may have forgotten the guest by now.
    if (phase === "running" && this.#incoming?.alive === false)
      await this.#surely("defining the guest", async () => this.#incoming?.settleCrashed(this.#call));
    await this.#surely("writing down the end", () => this.#journal.append("ended", phase));
    await this.#journal[Symbol.asyncDispose]();
    this.#incoming?.close();
    this.#onEnd();
    this.#c.news.ended(
      this.header,
      "destination",
      this.#state.phase === "discarded"
        ? {
            outcome: "stayed",
            cancelled: false,
            reason: this.#state.why.failure,
            message: this.#state.why.message,
            guestLost: false,
            leftovers: [],
          }
        : { outcome: "moved", report: undefined, leftovers: [] },
    );
    this.#saw("finished", this.#state.phase);
    // The source hears by this that the guest and its name are free here.
    this.#ended = true;
    this.#link?.[Symbol.dispose]();
  }

  /** The agent ends, the migration does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    this.#link?.[Symbol.dispose]();
    await this.#work;
    await this.#journal[Symbol.asyncDispose]();
  }
}
