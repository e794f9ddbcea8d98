import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { OutgoingMigration } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { VirtError } from "@virtmesh/core/errors";
import type { SourceFact } from "@virtmesh/core/migration/facts";
import type { SourceEffect, SourcePhase, SourceState } from "@virtmesh/core/migration/source-state";
import { parseConnectionUri } from "@virtmesh/core/uri";
import type { MigrationContext } from "./context.ts";
import type { DestinationPeer } from "./destination-peer.ts";
import type { JournalHeader, MigrationJournal } from "./journal.ts";
import { closeRecord, fence, raisedGeneration, RecordHand } from "./record-hand.ts";
import type { Timers } from "./timers.ts";
import { surely } from "./surely.ts";
import { offerToWire } from "./wire.ts";

/** How long a destination that was told to give up may take to say that it did. */
const PATIENCE_MS = 10_000;

/** The longest pause between two tries to mend a post-copy. */
const RECOVER_AT_MOST_MS = 15_000;

/** The first pause between two tries to let the guest go on here, each other one twice as long, up to the longest. */
const PAUSE_MS = 1_000;
const PAUSE_AT_MOST_MS = 30_000;

/** Phases in which what the destination knows decides how it goes on. */
const WANTS_ANSWER: ReadonlySet<SourcePhase> = new Set([
  "deciding",
  "inDoubt",
  "resuming",
  "pulling",
  "stranded",
  "losing",
]);

const GONE: SourceFact = { fact: "sourceExited", message: "its process is not there any more" };

/** What is moved by the hands, and who is told what came of it. */
export interface SourceWork {
  readonly header: JournalHeader;
  readonly journal: MigrationJournal;
  readonly peer: DestinationPeer;
  readonly call: Call;
  readonly timers: Timers;
  /** What it all is at the moment. */
  now(): {
    readonly state: SourceState;
    /** Undefined of a guest that has no process, or nothing to copy. */
    readonly outgoing: OutgoingMigration | undefined;
    /** Its process was gone when the agent came back. */
    readonly isGone: boolean;
    /** Where the destination waits, once it does. */
    readonly endpoints: Endpoints | undefined;
  };
  tell(fact: SourceFact): void;
  finish(): Promise<void>;
}

/** Carries out what the source's machine wants; what comes of it is a fact. */
export class SourceHands {
  readonly #c: MigrationContext;
  readonly #w: SourceWork;
  readonly #record: RecordHand;
  /** The next try to mend a post-copy, or to bring the guest home. */
  #retrying: Disposable | undefined;
  #settling: Promise<void> = Promise.resolve();

  constructor(c: MigrationContext, work: SourceWork) {
    this.#c = c;
    this.#w = work;
    this.#record = new RecordHand(c, work.header);
  }

  /** Resolves when this host's run token is given up or counted up, if it was to be. */
  get tokenSettled(): Promise<void> {
    return this.#settling;
  }

  async carryOut(effect: SourceEffect): Promise<void> {
    const { header, journal, peer, call, timers } = this.#w;
    const { outgoing } = this.#w.now();
    const { plan, nextGeneration } = header.offer;
    switch (effect.effect) {
      case "offer":
        return peer.open({ $case: "prepare", value: offerToWire(header.offer) });
      case "startMirrors":
        return outgoing?.startMirrors(effect.endpoints, call);
      case "sendMemory":
        return outgoing?.sendMemory(this.#knownEndpoints(), call);
      case "concludeMirrors":
        return outgoing?.concludeMirrors(call);
      case "continueSwitchover":
        if (outgoing === undefined) return this.#w.tell(GONE);
        return outgoing.continueSwitchover(call);
      case "startPostcopy":
        return outgoing?.startPostcopy?.(call);
      case "recover":
        peer.say({ $case: "recover", value: {} });
        return this.#retryAfter(recoverPause(effect.attempts));
      case "resumePostcopy":
        return outgoing?.resumePostcopy?.(effect.address, call);
      case "breakPostcopy":
        return outgoing?.breakPostcopy?.(call);
      case "tellGone":
        return peer.sayOrOpen({ $case: "gone", value: { message: effect.message } });
      case "tellMirrorsConcluded":
        return peer.say({ $case: "mirrorsConcluded", value: {} });
      case "tellDecided":
        return peer.say({
          $case: "decided",
          value: { generation: nextGeneration },
        });
      case "tellAbort":
        return peer.sayOrOpen({ $case: "abort", value: { reason: effect.reason } });
      case "tellRetired":
        return peer.say({ $case: "retired", value: {} });
      case "journal":
        await journal.append(effect.entry, effect.note);
        return this.#w.tell({ fact: "journalled", entry: effect.entry });
      case "decide":
        return this.#w.tell(await this.#record.decide(call.signal));
      case "readRecord": {
        const fact = await this.#record.watch(call.signal, () => this.#w.now().state.phase === "inDoubt");
        return fact === undefined ? undefined : this.#w.tell(fact);
      }
      case "closeRecord":
        return closeRecord(this.#c, header);
      case "fence":
        this.#settling = this.#surely("writing down that it is to be fenced", async () => {
          await journal.append("fencing");
          await this.#c.tokens.bump(plan.uuid, raisedGeneration(header));
        });
        await this.#settling;
        return fence(this.#c, header);
      case "askPeer":
        return peer.ask(effect.demandPromise, () => this.#needsAnswer());
      case "rollBack":
        if (this.#w.now().isGone) return this.#w.tell(GONE);
        if (outgoing === undefined) return this.#w.tell({ fact: "rolledBack" });
        return outgoing.rollBack({ linkLost: effect.linkLost }, call);
      case "end":
        if (outgoing?.end !== undefined) return outgoing.end(call);
        return this.#w.tell(GONE);
      case "surrender":
        this.#settling = this.#surely("giving up the run token", () =>
          this.#c.tokens.surrender(plan.uuid, {
            host: parseConnectionUri(header.destinationUri).host,
            generation: nextGeneration,
          }),
        );
        return this.#settling;
      case "retire":
        return this.#retire();
      case "startPause":
        return this.#retryAfter(homePause(effect.attempts));
      case "startPatience":
        timers.after(PATIENCE_MS, () => this.#w.tell({ fact: "patienceOver" }));
        return;
      case "finish":
        return this.#w.finish();
    }
  }

  /** One timer, however many tries have failed: two of them are never under way by this. */
  #retryAfter(ms: number): void {
    this.#retrying?.[Symbol.dispose]();
    this.#retrying = this.#w.timers.after(ms, () => this.#w.tell({ fact: "retryDue" }));
  }

  #surely(doing: string, work: () => Promise<void>): Promise<void> {
    const { header, call } = this.#w;
    return surely(this.#c, { migration: header.offer.plan.id, doing }, call.signal, work);
  }

  #knownEndpoints(): Endpoints {
    const { endpoints } = this.#w.now();
    if (endpoints === undefined)
      throw new VirtError("INTERNAL", "memory was to be sent before the destination was ready");
    return endpoints;
  }

  async #retire(): Promise<void> {
    const { header, call } = this.#w;
    const { outgoing } = this.#w.now();
    const undefine = header.undefineSource;
    if (outgoing !== undefined) return outgoing.retire({ undefine }, call);
    const retireGone = need(this.#c.driver, "migrationSource", "retireGone");
    await retireGone(header.offer, { undefine }, call);
    this.#w.tell({ fact: "retired" });
  }

  #needsAnswer(): boolean {
    return !this.#w.call.signal.aborted && WANTS_ANSWER.has(this.#w.now().state.phase);
  }
}

/** A link that is back is noticed by the agents at once; this is for the memory's link alone. */
function recoverPause(attempts: number): number {
  return Math.min(RECOVER_AT_MOST_MS, 500 * 2 ** Math.min(attempts, 10));
}

function homePause(attempts: number): number {
  return Math.min(PAUSE_AT_MOST_MS, PAUSE_MS * 2 ** Math.min(attempts - 1, 10));
}
