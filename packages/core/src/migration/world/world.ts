import { generation } from "../../ids.ts";
import { stepDestination } from "../destination.ts";
import type { DestinationEffect, DestinationEntry, DestinationState } from "../destination-state.ts";
import type { DestinationFact, SourceFact } from "../facts.ts";
import { beginSource, stepSource } from "../source.ts";
import type { Common, SourceEffect, SourceEntry, SourceState } from "../source-state.ts";
import { carryOutDestination } from "./destination-hands.ts";
import { carryOutSource } from "./source-hands.ts";

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
  readonly nextGeneration = generation(2n);
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
  /** How often the source's hypervisor still refuses to let the guest go on, or to end it. */
  refusals = 0;
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
    for (const e of step.effects) this.pending.push({ owner: side, run: () => carryOutSource(this, e) });
  }

  takeDestination(step: { state: DestinationState; effects: readonly DestinationEffect[] }): void {
    this.destination = step.state;
    // The destination's runner carries its effects out one after the other.
    if (step.effects.length > 0) {
      this.pending.push({
        owner: "destination",
        run: () => step.effects.forEach((e) => carryOutDestination(this, e)),
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

  send(deliver: () => void): void {
    if (!this.session) return;
    this.pending.push({ owner: "world", run: () => (this.session ? deliver() : undefined) });
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

  /** The source's hypervisor does not do it this time, and its machine hears so. */
  refuses(effect: "rollBack" | "end"): boolean {
    if (this.refusals === 0) return false;
    this.refusals -= 1;
    this.toSource({ fact: "commandFailed", effect, reason: "HYPERVISOR_FAILED", message: "not now" });
    return true;
  }

  reachable(): boolean {
    return this.linkUp && this.destination !== undefined;
  }

  later(owner: "source" | "destination" | "world", run: () => void): void {
    this.pending.push({ owner, run });
  }

  write(to: "source" | "destination"): void {
    if (this.record !== "undecided") return;
    this.recordBefore = this.record;
    this.record = to;
  }

  drop(owner: "source" | "destination"): void {
    const rest = this.pending.filter((p) => p.owner !== owner);
    this.pending.splice(0, this.pending.length, ...rest);
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
