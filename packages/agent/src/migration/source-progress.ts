import type { Call } from "@virtmesh/core/call";
import type { MigrationSample, OutgoingMigration } from "@virtmesh/core/driver/migration";
import type { SourceFact } from "@virtmesh/core/migration/facts";
import { advance, noProgress, type Progress } from "@virtmesh/core/migration/progress";
import type { SourcePhase, SourceState, Trouble } from "@virtmesh/core/migration/source-state";
import type { MigrationContext } from "./context.ts";
import type { JournalHeader } from "./journal.ts";
import { type Report, Timeline } from "./report.ts";
import { StallWatch } from "./stall-watch.ts";
import type { Timers } from "./timers.ts";

/** How often the hypervisor is looked at for the progress that people see. Never a ground for a decision. */
const SAMPLE_MS = 250;
/** Behind the time from which on the progress calls it stuck (progress.ts). */
const STUCK_MS = 5_500;

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

/** How far a migration is: what people see while it lasts, what is reported at its end, and that it stands still. */
export class SourceProgress implements Disposable {
  readonly #c: MigrationContext;
  readonly #header: JournalHeader;
  readonly #timers: Timers;
  readonly #timeline = new Timeline();
  readonly #stall: StallWatch;
  #state: SourceState;
  #progress: Progress;
  #hypervisorDowntimeMs = 0;
  #sampled: { readonly outgoing: OutgoingMigration; readonly call: Call } | undefined;

  constructor(
    c: MigrationContext,
    header: JournalHeader,
    own: {
      readonly state: SourceState;
      readonly timers: Timers;
      readonly onStall: (stalled: string) => void;
    },
  ) {
    this.#c = c;
    this.#header = header;
    this.#timers = own.timers;
    this.#state = own.state;
    this.#stall = new StallWatch(c.stallMs, own.onStall);
    const { offer } = header;
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
  }

  get now(): Progress {
    return this.#progress;
  }

  /** Looks at the hypervisor while there is something to see. */
  sample(outgoing: OutgoingMigration, call: Call): void {
    this.#sampled = { outgoing, call };
    this.#sampleLater();
  }

  hear(fact: SourceFact): void {
    if (fact.fact === "switchover") this.#timeline.stopped(fact.stoppedForMs);
    if (fact.fact === "peerPulling" || (fact.fact === "peerResumed" && fact.downtimeMs > 0))
      this.#hypervisorDowntimeMs = fact.downtimeMs;
    if (fact.fact === "mirrorReady") this.#show({ ready: [fact.disk] });
  }

  enter(state: SourceState): void {
    const moved = state.phase !== this.#state.phase;
    const isOtherTrouble = troubleOf(state)?.message !== troubleOf(this.#state)?.message;
    this.#state = state;
    this.#timeline.enter(state.phase);
    if (moved || isOtherTrouble) this.#show({});
    if (!moved) return;
    // Long enough for any destination that is there: from here on people are told that it is not.
    if (state.phase === "resuming" || state.phase === "inDoubt")
      this.#timers.after(STUCK_MS, () => this.#show({}));
    // The last look, for the report: all was sent, and the source's QEMU waits for nothing any more.
    if (state.phase === "resuming") void this.#sampleOnce();
  }

  report(): Report {
    return this.#timeline.report(this.#progress, this.#hypervisorDowntimeMs);
  }

  [Symbol.dispose](): void {
    this.#stall[Symbol.dispose]();
  }

  #show(now: { readonly sample?: MigrationSample; readonly ready?: readonly string[] }): void {
    const { sample, ready } = now;
    const trouble = troubleOf(this.#state);
    this.#stall.look(this.#state.phase, now);
    this.#progress = advance(this.#progress, {
      phase: this.#state.phase,
      nowMs: Date.now(),
      postcopy: isPostcopy(this.#state),
      ...(sample === undefined ? {} : { sample }),
      ...(ready === undefined ? {} : { ready }),
      ...(trouble === undefined ? {} : { trouble }),
    });
    this.#c.news.progressed(this.#header, this.#progress);
  }

  #sampleLater(): void {
    const { phase } = this.#state;
    if (this.#sampled?.call.signal.aborted !== false) return;
    if (!BEFORE_SAMPLES.has(phase) && !SAMPLED.has(phase)) return;
    this.#timers.after(SAMPLE_MS, () => {
      const sampled = SAMPLED.has(this.#state.phase);
      void (sampled ? this.#sampleOnce() : Promise.resolve()).finally(() => this.#sampleLater());
    });
  }

  async #sampleOnce(): Promise<void> {
    const { phase } = this.#state;
    if (this.#sampled === undefined) return;
    const { outgoing, call } = this.#sampled;
    try {
      const sample = await outgoing.sample(call);
      if (this.#state.phase === phase) this.#show({ sample });
    } catch (e) {
      this.#c.logger.debug(
        { migration: this.#header.offer.plan.id, err: e },
        "no sample of the progress this time",
      );
    }
  }
}

function isPostcopy(state: SourceState): boolean {
  if (state.phase === "sending") return state.wanted === "postcopy";
  return state.phase === "committing" || ("order" in state && state.order === "postcopy");
}

/** What keeps the guest from being home. */
function troubleOf(state: SourceState): Trouble | undefined {
  return state.phase === "aborting" && state.home === "waiting" ? state.trouble : undefined;
}
