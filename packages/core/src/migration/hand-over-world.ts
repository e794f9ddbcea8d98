import type { Endpoints } from "./endpoints.ts";
import { type Generation, generation } from "../ids.ts";
import { beginDestination, restartDestination, standingOf, stepDestination } from "./destination.ts";
import type { DestinationEffect, DestinationEntry, DestinationState } from "./destination-state.ts";
import type { DestinationFact, Order, SourceFact } from "./facts.ts";
import { beginSource, restartSource, stepSource } from "./source.ts";
import {
  type Common,
  type SourceEffect,
  type SourceEntry,
  type SourceState,
  UNDECIDED,
} from "./source-state.ts";

const ENDPOINTS: Endpoints = {
  memoryAddress: "tcp:b:1",
  exports: [],
  hypervisorVersion: "7.2.0",
  tlsHostname: "b",
};
const NEXT: Generation = generation(2n);

/**
 * For tests: both machines with two hypervisors, a session that can break, a record server that can be away and answer
 * late, and agents that can be killed anywhere: a world in which a list of numbers decides what happens next.
 */
export class World {
  readonly common: Common;
  /** Post-copy: what became of device state and pages. */
  memory: "held" | "flowing" | "broken" | "sent" = "held";
  /** Memory has begun to flow: a destination that lacks some of it notices the end of the source's process. */
  streaming = false;
  /** QEMU on the destination has a door open for the rest. */
  door = false;
  readonly step: typeof stepSource;
  source: SourceState | undefined;
  destination: DestinationState | undefined;
  sourceJournal: SourceEntry[] = [];
  destinationJournal: DestinationEntry[] = [];
  record: "undecided" | "source" | "destination" = "undecided";
  /** What it was before its last write, which its server may lose once. */
  recordBefore: "undecided" | "source" | "destination" = "undecided";
  recordServerUp = true;
  replyLost = false;
  linkUp = true;
  session = false;
  sourceProcess = true;
  incoming = false;
  memoryComplete = false;
  runsOnSource = true;
  runsOnDestination = false;
  /** It has run there, if only for a moment. */
  hasRunThere = false;
  clean = new Set<string>();
  spoiled = false;
  finished = false;
  /** The process died between the journalled decision and its first instruction: a crash on the destination. */
  crashedThere = false;
  restartedThere = false;
  /** Things that will happen, in no particular order between owners. */
  readonly pending: { readonly owner: "source" | "destination" | "world"; readonly run: () => void }[] = [];

  constructor(
    disks: readonly string[],
    step: typeof stepSource = stepSource,
    postcopy?: { readonly afterPasses: number },
  ) {
    this.step = step;
    this.common = {
      mode: "live",
      disks,
      abortOnIoError: false,
      ...(postcopy === undefined ? {} : { postcopy }),
    };
    this.sourceJournal.push("begun");
    this.take("source", beginSource(this.common));
  }

  take(side: "source", step: { state: SourceState; effects: readonly SourceEffect[] }): void {
    this.source = step.state;
    for (const e of step.effects) this.pending.push({ owner: side, run: () => this.doSource(e) });
  }

  takeDestination(step: { state: DestinationState; effects: readonly DestinationEffect[] }): void {
    this.destination = step.state;
    // The destination's runner carries its effects out one after the other.
    if (step.effects.length > 0) {
      this.pending.push({
        owner: "destination",
        run: () => step.effects.forEach((e) => this.doDestination(e)),
      });
    }
  }

  toSource(fact: SourceFact): void {
    if (this.source !== undefined) this.take("source", this.step(this.source, fact));
    this.check();
  }

  toDestination(fact: DestinationFact): void {
    if (this.destination !== undefined) this.takeDestination(stepDestination(this.destination, fact));
    this.check();
  }

  send(to: "source" | "destination", deliver: () => void): void {
    if (!this.session) return;
    this.pending.push({ owner: "world", run: () => (this.session ? deliver() : undefined) });
    void to;
  }

  breakSession(): void {
    if (!this.session) return;
    this.session = false;
    this.toSource({ fact: "peerLost", message: "broken" });
    this.toDestination({ fact: "sourceLost", message: "broken" });
  }

  endSession(): void {
    if (this.session && this.pending.some((p) => p.owner === "world"))
      return this.later("world", () => this.endSession());
    this.session = false;
    this.toDestination({ fact: "sourceLost", message: "the source has ended the session" });
  }

  reachable(): boolean {
    return this.linkUp && this.destination !== undefined;
  }

  later(owner: "source" | "destination" | "world", run: () => void): void {
    this.pending.push({ owner, run });
  }

  doSource(e: SourceEffect): void {
    switch (e.effect) {
      case "offer":
        if (this.source?.phase !== "preparing") return;
        if (!this.linkUp) return this.toSource({ fact: "peerLost", message: "no link" });
        this.session = true;
        return this.takeDestination(beginDestination());
      case "startMirrors":
        for (const disk of this.common.disks)
          this.later("source", () => this.toSource({ fact: "mirrorReady", disk }));
        return;
      case "sendMemory":
        return this.later("source", () => {
          if (!this.sourceProcess || !this.incoming)
            return this.toSource({ fact: "memoryFailed", message: "gone" });
          this.streaming = true;
          this.toSource({ fact: "memoryPass", pass: 2 });
          // A switch to post-copy that was wanted in time has this as its effect.
          if (this.source?.phase === "sending" && this.source.wanted === "precopy") this.stop("precopy");
        });
      case "startPostcopy":
        return this.later("source", () => this.stop("postcopy"));
      case "recover":
        if (this.session) this.send("destination", () => this.toDestination({ fact: "sourceRecovers" }));
        return this.later("source", () => this.whileStranded(() => this.toSource({ fact: "recoverDue" })));
      case "resumePostcopy":
        return this.later("world", () => {
          if (!this.linkUp || !this.door || this.memory !== "broken" || !this.sourceProcess) return;
          if (!this.incoming) return;
          this.door = false;
          this.flow();
        });
      case "breakPostcopy":
        return this.later("world", () => this.breakMemory());
      case "tellGone":
        if (!this.session && this.reachable()) this.session = true;
        if (!this.session)
          return this.later("source", () => this.toSource({ fact: "peerLost", message: "" }));
        return this.send("destination", () => this.toDestination({ fact: "sourceGone", message: e.message }));
      case "concludeMirrors":
        for (const disk of this.common.disks) {
          this.later("source", () => {
            if (this.source?.phase !== "switching") return;
            if (this.spoiled || !this.incoming)
              return this.toSource({ fact: "mirrorFailed", disk, message: "No space left" });
            this.clean.add(disk);
            this.toSource({ fact: "mirrorConcluded", disk });
          });
        }
        return;
      case "continueSwitchover":
        if (this.source?.phase !== "loading") return this.later("source", () => this.letGo());
        return this.later("world", () => {
          if (!this.sourceProcess || !this.incoming || this.source?.phase === "aborting") {
            return this.toSource({ fact: "memoryFailed", message: "gone" });
          }
          this.memoryComplete = true;
          this.toDestination({ fact: "loaded" });
        });
      case "tellMirrorsConcluded":
        return this.send("destination", () => this.toDestination({ fact: "sourceMirrorsConcluded" }));
      case "tellDecided":
        return this.send("destination", () =>
          this.toDestination({ fact: "sourceDecided", generation: NEXT }),
        );
      case "tellAbort":
        if (!this.session && this.reachable()) this.session = true;
        if (!this.session) return this.toSource({ fact: "peerLost", message: "no link" });
        return this.send("destination", () =>
          this.toDestination({ fact: "sourceAborted", reason: e.reason }),
        );
      case "tellRetired":
        return this.send("destination", () => this.toDestination({ fact: "sourceRetired" }));
      case "journal":
        this.sourceJournal.push(e.entry);
        return this.later("source", () => this.toSource({ fact: "journalled", entry: e.entry }));
      case "decide":
        if (!this.recordServerUp) {
          // The write may still arrive.
          this.later("world", () => this.write("destination"));
          return this.toSource({ fact: "recordUnknown", message: "away" });
        }
        this.write("destination");
        if (this.replyLost) return this.toSource({ fact: "recordUnknown", message: "no reply" });
        return this.later("source", () => this.tellRecord());
      case "readRecord":
        if (!this.recordServerUp || this.record === "undecided")
          return this.later("source", () => this.whileInDoubt(e));
        return this.tellRecord();
      case "closeRecord":
        if (this.recordServerUp) this.write("source");
        return;
      case "fence":
        if (this.recordServerUp) {
          this.recordBefore = this.record;
          this.record = "source";
        } else this.later("world", () => this.doSource(e));
        return;
      case "askPeer":
        return this.ask(e.demandPromise);
      case "rollBack":
        return this.later("source", () => {
          // QEMU cannot take a guest back whose post-copy broke.
          if (this.memory === "broken") this.sourceProcess = false;
          if (!this.sourceProcess) return this.toSource({ fact: "sourceExited", message: "dead" });
          this.runsOnSource = true;
          this.toSource({ fact: "rolledBack" });
        });
      case "end":
        return this.later("source", () => {
          this.sourceProcess = false;
          this.toSource({ fact: "sourceExited", message: "ended" });
        });
      case "surrender":
        return;
      case "retire":
        return this.later("source", () => {
          this.sourceProcess = false;
          this.runsOnSource = false;
          this.toSource({ fact: "retired" });
        });
      case "startPatience":
        return this.later("source", () => this.toSource({ fact: "patienceOver" }));
      case "finish":
        this.finished = true;
        // What was sent arrives before the end of the session does.
        return this.later("world", () => this.endSession());
    }
  }

  stop(order: Order): void {
    if (!this.sourceProcess || this.source?.phase !== "sending") return;
    this.runsOnSource = false;
    this.toSource({ fact: "switchover", stoppedForMs: 0, order });
  }

  /** Device state of a post-copy goes, or what became of it is told. */
  letGo(): void {
    if (!this.sourceProcess) return this.toSource({ fact: "sourceExited", message: "gone" });
    if (this.memory !== "held") return this.tellMemory();
    if (this.source?.phase !== "resuming") return;
    if (!this.linkUp || !this.incoming) return this.toSource({ fact: "memoryFailed", message: "no link" });
    this.flow();
    this.toDestination({ fact: "loadedPartly" });
  }

  flow(): void {
    this.memory = "flowing";
    this.toSource({ fact: "postcopyActive" });
    this.toDestination({ fact: "postcopyActive" });
    this.later("world", () => {
      if (this.memory !== "flowing" || !this.sourceProcess || !this.incoming) return;
      this.memory = "sent";
      this.memoryComplete = true;
      this.toDestination({ fact: "complete" });
      this.toSource({ fact: "sent" });
    });
  }

  breakMemory(): void {
    if (this.memory !== "flowing") return;
    this.memory = "broken";
    if (this.sourceProcess) this.toSource({ fact: "postcopyPaused", message: "broken" });
    if (this.incoming) this.toDestination({ fact: "postcopyPaused", message: "broken" });
  }

  tellMemory(): void {
    if (!this.sourceProcess || this.memory === "held") return;
    if (this.memory === "sent") return this.toSource({ fact: "sent" });
    this.toSource(
      this.memory === "flowing" ? { fact: "postcopyActive" } : { fact: "postcopyPaused", message: "broken" },
    );
  }

  /** What a destination's hypervisor shows to an agent that was started again. */
  tellArrived(): void {
    if (!this.incoming) return;
    if (this.memoryComplete) return this.toDestination({ fact: "loaded" });
    if (this.memory === "held") return;
    this.toDestination({ fact: "loadedPartly" });
    if (this.memory === "broken") this.toDestination({ fact: "postcopyPaused", message: "broken" });
  }

  whileStranded(run: () => void): void {
    if (this.source?.phase === "stranded") run();
  }

  whileInDoubt(e: SourceEffect): void {
    if (this.source?.phase === "inDoubt") this.doSource(e);
  }

  tellRecord(): void {
    if (this.record === "destination") this.toSource({ fact: "recordDestination", generation: NEXT });
    else if (this.record === "source") this.toSource({ fact: "recordSource" });
    else this.toSource({ fact: "recordUnknown", message: "undecided" });
  }

  write(to: "source" | "destination"): void {
    if (this.record !== "undecided") return;
    this.recordBefore = this.record;
    this.record = to;
  }

  ask(demandPromise: boolean): void {
    const doubting =
      this.source?.phase === "inDoubt" ||
      this.source?.phase === "resuming" ||
      this.source?.phase === "pulling" ||
      this.source?.phase === "stranded" ||
      this.source?.phase === "losing" ||
      this.source?.phase === "deciding";
    if (!doubting) return;
    if (!this.linkUp) return this.later("source", () => this.ask(demandPromise));
    const last = this.destinationJournal.at(-1);
    if (this.destination === undefined) {
      // The agent runs but knows nothing live: its journal answers.
      if (last === undefined && demandPromise) this.destinationJournal.push("promised");
      if (last === "lost") return this.toSource({ fact: "peerLostGuest", message: "asked" });
      return this.toSource({
        fact: "peerStanding",
        standing: last === "resumed" ? "resumed" : last === "promised" ? "promised" : "unknown",
      });
    }
    this.session = true;
    if (demandPromise) this.toDestination({ fact: "promiseDemanded" });
    this.later("source", () => {
      if (this.destination === undefined) return this.ask(demandPromise);
      const phase = this.destination.phase;
      if (phase === "discarding" || phase === "promising") return this.ask(demandPromise);
      const answer = standingOf(this.destination);
      this.toSource(
        answer === "lost"
          ? { fact: "peerLostGuest", message: "asked" }
          : { fact: "peerStanding", standing: answer },
      );
    });
  }

  doDestination(e: DestinationEffect): void {
    switch (e.effect) {
      case "prepare":
        this.incoming = true;
        return this.later("destination", () =>
          this.toDestination({ fact: "prepared", endpoints: ENDPOINTS }),
        );
      case "closeExports":
        return;
      case "journal":
        this.destinationJournal.push(e.entry);
        return this.later("destination", () => this.toDestination({ fact: "journalled", entry: e.entry }));
      case "resume":
        if (!this.incoming) return this.toDestination({ fact: "resumeFailed", message: "gone" });
        this.runsOnDestination = true;
        this.hasRunThere = true;
        this.check();
        return this.later("destination", () => this.toDestination({ fact: "running", downtimeMs: 1 }));
      case "adopt":
        return;
      case "confirm":
        return this.later("destination", () =>
          this.toDestination(
            this.recordServerUp
              ? { fact: "recordDestination", generation: NEXT }
              : { fact: "recordUnknown", message: "away" },
          ),
        );
      case "discard":
        this.incoming = false;
        this.runsOnDestination = false;
        return this.later("destination", () => this.toDestination({ fact: "discarded", leftovers: [] }));
      case "withdraw":
        if (!this.recordServerUp) return this.later("destination", () => this.whileWithdrawing(e));
        this.write("source");
        return this.later("destination", () =>
          this.toDestination(
            this.record === "destination"
              ? { fact: "recordDestination", generation: NEXT }
              : { fact: "recordSource" },
          ),
        );
      case "tellPrepared":
        return this.send("source", () => this.toSource({ fact: "peerPrepared", endpoints: e.endpoints }));
      case "tellAccepted":
        return this.send("source", () => this.toSource({ fact: "peerAccepted" }));
      case "tellPulling":
        return this.send("source", () => this.toSource({ fact: "peerPulling", downtimeMs: e.downtimeMs }));
      case "tellLostGuest":
        return this.send("source", () => this.toSource({ fact: "peerLostGuest", message: e.message }));
      case "tellRecoverable":
        return this.send("source", () => this.toSource({ fact: "peerRecoverable", address: e.address }));
      case "openRecovery":
        if (this.memory === "flowing") this.breakMemory();
        this.door = this.incoming && this.memory === "broken";
        return this.door ? this.toDestination({ fact: "recoverable", address: "tcp:b:2" }) : undefined;
      case "abandon":
        // It asks its hypervisor first.
        return this.later("destination", () =>
          this.memoryComplete ? this.toDestination({ fact: "complete" }) : this.killIncoming(),
        );
      case "tellLoaded":
        return this.send("source", () => this.toSource({ fact: "peerLoaded" }));
      case "tellResumed":
        return this.send("source", () => this.toSource({ fact: "peerResumed", downtimeMs: e.downtimeMs }));
      case "tellFailed":
        return this.send("source", () =>
          this.toSource({ fact: "peerFailed", reason: e.reason, message: e.message, promise: true }),
        );
      case "tellDiscarded":
        return this.send("source", () => this.toSource({ fact: "peerDiscarded", leftovers: e.leftovers }));
      case "finish":
        return;
    }
  }

  whileWithdrawing(e: DestinationEffect): void {
    const { destination } = this;
    const waits = destination?.phase === "loaded" || destination?.phase === "prepared";
    if (waits && destination.withdrawing) this.doDestination(e);
  }

  drop(owner: "source" | "destination"): void {
    const rest = this.pending.filter((p) => p.owner !== owner);
    this.pending.splice(0, this.pending.length, ...rest);
  }

  /** Something goes wrong. */
  fault(which: number): void {
    switch (which) {
      case 0: // the source agent is killed and started again
        if (this.source === undefined || this.finished) return;
        this.drop("source");
        this.source = undefined;
        this.session = false;
        this.toDestination({ fact: "sourceLost", message: "killed" });
        this.take("source", restartSource(this.common, this.sourceJournal.at(-1) ?? "begun"));
        if (!this.sourceProcess) this.toSource({ fact: "sourceExited", message: "gone" });
        return this.tellMemory();
      case 1: {
        // the destination agent is killed and started again
        if (this.destination === undefined) return;
        this.drop("destination");
        this.destination = undefined;
        this.restartedThere = true;
        if (!this.incoming) this.noteCrash();
        if (this.session) {
          this.session = false;
          this.toSource({ fact: "peerLost", message: "killed" });
        }
        const last = this.destinationJournal.at(-1);
        if (last === undefined) return;
        this.takeDestination(
          restartDestination(last, NEXT, {
            alive: this.incoming,
            postcopy: this.common.postcopy !== undefined,
          }),
        );
        return this.tellArrived();
      }
      case 2:
        this.linkUp = false;
        this.breakMemory();
        if (this.streaming && this.memory === "held" && !this.memoryComplete) {
          // A destination that lacks device state ends with its stream.
          this.later("world", () => this.killIncoming());
          this.later("world", () => this.toSource({ fact: "memoryFailed", message: "broken" }));
        }
        return this.breakSession();
      case 3:
        return this.breakSession();
      case 4:
        this.recordServerUp = false;
        return;
      case 5:
        this.recordServerUp = true;
        return;
      case 6: // the source's process dies
        this.sourceProcess = false;
        this.runsOnSource = false;
        this.toSource({ fact: "sourceExited", message: "killed" });
        // A destination that waits for device state sees its stream end and exits; one that has it waits for more.
        if (this.memory === "held" && !this.memoryComplete && this.streaming) return this.killIncoming();
        return this.breakMemory();
      case 7: // the destination's process dies, running or not
        return this.killIncoming();
      case 8:
        if (this.clean.size > 0) return;
        this.spoiled = true;
        return this.toSource({ fact: "mirrorFailed", disk: "vda", message: "No space left on device" });
      case 9:
        this.replyLost = true;
        return;
      case 11:
        return this.breakMemory();
      case 12:
        return this.toSource({ fact: "recoverWanted" });
      case 13: // the record's server crashes and loses its last write
        this.record = this.recordBefore;
        return;
      default:
        return this.toSource({ fact: "cancelled", actor: "admin" });
    }
  }

  killIncoming(): void {
    if (!this.incoming) return;
    this.noteCrash();
    this.incoming = false;
    this.runsOnDestination = false;
    this.breakMemory();
    const ran: { mayHaveRun?: true } = this.hasRunThere ? { mayHaveRun: true } : {};
    this.toDestination({ fact: "incomingFailed", message: "killed", ...ran });
  }

  /** One that was started again does not know whether it had let the guest run: then it has crashed there. */
  noteCrash(): void {
    const last = this.destinationJournal.at(-1);
    const mayHave = this.restartedThere && (last === "resuming" || last === "pulling");
    this.crashedThere ||= this.hasRunThere || mayHave;
  }

  /** The user destroys the guest, as far as the source lets it go. @returns whether it did */
  destroy(): boolean {
    const { source } = this;
    if (source === undefined || !UNDECIDED.has(source.phase) || !this.sourceProcess) return false;
    this.toSource({ fact: "destroyed", actor: "admin" });
    this.sourceProcess = false;
    this.runsOnSource = false;
    this.toSource({ fact: "sourceExited", message: "destroyed" });
    return true;
  }

  heal(): void {
    this.replyLost = false;
    this.linkUp = true;
    this.recordServerUp = true;
  }

  check(): void {
    if (this.runsOnSource && this.runsOnDestination) throw new Error(`runs twice: ${this.where()}`);
    if (this.runsOnDestination && !this.common.disks.every((d) => this.clean.has(d)))
      throw new Error("runs on a half copy");
    if (this.runsOnDestination && !this.memoryComplete && this.memory === "held")
      throw new Error("runs without its memory");
    if (this.runsOnSource && this.hasRunThere) throw new Error(`runs here again: ${this.where()}`);
    const whole = this.sourceProcess || this.memoryComplete || this.memory === "held";
    if (this.runsOnSource && !whole) throw new Error("runs on half its memory");
  }

  where(): string {
    return `${this.source?.phase} / ${this.destination?.phase} / record ${this.record}`;
  }

  /** One thing happens. */
  tick(choice: number): boolean {
    const next = this.pending.splice(choice % Math.max(1, this.pending.length), 1)[0];
    next?.run();
    this.check();
    return next !== undefined;
  }
}
