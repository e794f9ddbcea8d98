import type { Any } from "@virtmesh/api/gen/google/protobuf/any";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { DrainReport } from "@virtmesh/api/gen/virtmesh/v1/host";
import { type Call, ownCall } from "@virtmesh/core/call";
import { type Place, placesFor } from "@virtmesh/core/drain/choose";
import {
  type DrainEffect,
  type DrainFact,
  type DrainState,
  type NewGuest,
  stepDrain,
  type Verdict,
} from "@virtmesh/core/drain/drain";
import { VirtError } from "@virtmesh/core/errors";
import { type MigrationId, newMigrationId } from "@virtmesh/core/ids";
import { fromRpcStatus } from "@virtmesh/kit/status";
import type { LineLog } from "../journal/line-log.ts";
import type { MigrationContext } from "../migration/context.ts";
import { readJournal } from "../migration/journal.ts";
import type { MigrationQueue } from "../migration/queue.ts";
import { packAny } from "../operations/any.ts";
import type { RunningOperation } from "../operations/operations.ts";
import type { OperationState } from "../operations/state.ts";
import { type DrainEntry, type DrainHeader, toStored } from "./drain-journal.ts";
import { drainToWire, guestToWire, migrationOf } from "./drain-wire.ts";

/** What a drain needs of its agent. */
export interface DrainContext {
  readonly migration: MigrationContext;
  readonly queue: MigrationQueue;
  /** Resolves when the hosts are known. */
  readonly ready: Promise<void>;
  /** The hosts, as their agents last announced them. */
  places(): readonly Place[];
  onPlaces(listener: () => void): Disposable;
  /** Migrations at once, when the request does not say. */
  parallel(): number;
  /** Guests that are to go. */
  guests(offline: boolean): readonly NewGuest[];
}

/** The shell of a drain: begins migrations as the core says, and tells it what came of them. */
export class DrainRunner {
  readonly #c: DrainContext;
  readonly #header: DrainHeader;
  readonly #log: LineLog;
  readonly #op: RunningOperation;
  readonly #call: Call;
  readonly #migrations: Map<string, string>;
  readonly #facts: DrainFact[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #over = Promise.withResolvers<void>();
  #state: DrainState;
  #isDraining = false;

  constructor(
    c: DrainContext,
    header: DrainHeader,
    log: LineLog,
    op: RunningOperation,
    begun: { readonly state: DrainState; readonly migrations: ReadonlyMap<string, string> },
  ) {
    this.#c = c;
    this.#header = header;
    this.#log = log;
    this.#op = op;
    this.#state = begun.state;
    this.#migrations = new Map(begun.migrations);
    this.#call = { ...ownCall(c.migration.signal, header.trace), actor: header.actor };
  }

  /** Resolves with its report, or throws what is left and why; never, when the agent ends before. */
  async run(): Promise<Any> {
    await this.#c.ready;
    using _hosts = this.#c.onPlaces(() => this.#tell({ fact: "look" }));
    const cancel = (): void => this.#cancel();
    this.#op.signal.addEventListener("abort", cancel, { once: true });
    for (const { uuid } of this.#state.guests.filter((g) => g.phase === "moving")) this.#follow(uuid);
    if (this.#op.signal.aborted) cancel();
    this.#tell({ fact: "look" });
    try {
      await this.#over.promise;
    } finally {
      this.#op.signal.removeEventListener("abort", cancel);
      for (const timer of this.#timers) clearTimeout(timer);
    }
    await this.#note({ entry: "ended" });
    return this.#result();
  }

  #cancel(): void {
    void this.#note({ entry: "cancelled" });
    this.#tell({ fact: "cancelled" });
  }

  #tell(fact: DrainFact): void {
    if (this.#c.migration.signal.aborted) return;
    this.#facts.push(fact);
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let next = this.#facts.shift(); next !== undefined; next = this.#facts.shift()) this.#step(next);
    } finally {
      this.#isDraining = false;
    }
    this.#op.progress({ drain: drainToWire(this.#state, this.#migrations) });
  }

  #step(fact: DrainFact): void {
    const { request } = this.#header;
    const step = stepDrain(this.#state, fact, {
      places: this.#places().places,
      parallel: request.parallel === 0 ? this.#c.parallel() : request.parallel,
    });
    this.#state = step.state;
    for (const effect of step.effects) this.#carryOut(effect);
  }

  #places() {
    const { uri, destinations, labels } = this.#header.request;
    return placesFor(this.#c.places(), { from: uri, destinations, labels });
  }

  #carryOut(effect: DrainEffect): void {
    switch (effect.effect) {
      case "migrate":
        return void this.#migrate(effect);
      case "retryLater": {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          this.#tell({ fact: "retryDue", uuid: effect.uuid });
        }, effect.afterMs);
        this.#timers.add(timer);
        return;
      }
      case "cancel":
        return void this.#cancelOne(effect.uuid);
      case "finish":
        return this.#finish();
    }
  }

  /** Never fails: what goes wrong is a fact. */
  async #migrate(effect: Extract<DrainEffect, { effect: "migrate" }>): Promise<void> {
    const { uuid, destination, choice } = effect;
    const id = newMigrationId();
    this.#migrations.set(uuid, id);
    const parent = this.#op.name;
    try {
      await this.#note({ entry: "moving", uuid, destination, choice, migration: id });
      const guest = this.#c.guests(true).find((g) => g.uuid === uuid);
      if (guest === undefined)
        return this.#failed(uuid, { verdict: "gone", reason: "DOMAIN_NOT_FOUND", message: "it was removed" });
      if (guest.offline && !this.#header.request.offlineGuests)
        return this.#failed(uuid, {
          verdict: "gone",
          reason: "DOMAIN_NOT_RUNNING",
          message: "it was shut down",
        });
      await this.#c.queue.start(migrationOf(this.#header.request, guest, destination), this.#call, {
        id,
        parent,
      });
      // A cancel that came while it was begun.
      if (this.#state.cancelled) await this.#cancelOne(uuid);
    } catch (e) {
      return this.#failed(uuid, this.#verdictOf(VirtError.from(e), uuid));
    }
    this.#follow(uuid);
  }

  #follow(uuid: string): void {
    const name = `operations/${this.#migrations.get(uuid) ?? ""}`;
    const { operations, signal } = this.#c.migration;
    operations.wait(name, undefined, signal).then(
      (operation) => void this.#ended(uuid, operation),
      // An agent that was killed between writing down that it begins and beginning it.
      () => this.#failed(uuid, { verdict: "notBegun", reason: "", message: "" }),
    );
  }

  async #ended(uuid: string, { result }: Operation): Promise<void> {
    if (result === undefined) return;
    const error = result.$case === "error" ? fromRpcStatus(result.value) : undefined;
    // The agent ended between the end of the migration and that of its operation.
    const moved =
      error === undefined || (error.reason === "OPERATION_ABORTED" && (await this.#hasMoved(uuid)));
    if (!moved) return this.#failed(uuid, this.#verdictOf(error, uuid));
    void this.#note({ entry: "moved", uuid });
    this.#tell({ fact: "moved", uuid });
  }

  async #hasMoved(uuid: string): Promise<boolean> {
    const id = (this.#migrations.get(uuid) ?? "") as MigrationId;
    const last = (await readJournal(this.#c.migration.journalDir, id, "source"))?.lines.at(-1);
    return last?.entry === "ended" && last.note === "moved";
  }

  #failed(uuid: string, why: Omit<Extract<DrainEntry, { entry: "failed" }>, "entry" | "uuid">): void {
    // What fails because the agent ends is taken up by the next one.
    if (this.#c.migration.signal.aborted) return;
    void this.#note({ entry: "failed", uuid, ...why });
    this.#tell({ fact: "failed", uuid, ...why });
  }

  #verdictOf(e: VirtError, uuid: string): { verdict: Verdict; reason: string; message: string } {
    const said = (verdict: Verdict) => ({ verdict, reason: e.reason, message: e.message });
    if (!this.#c.guests(true).some((g) => g.uuid === uuid)) return said("gone");
    if (e.reason === "CANCELLED" || this.#wasCancelled(uuid)) return said("never");
    return said(e.reason === "MIGRATION_BLOCKED" || e.reason === "HOST_CORDONED" ? "notThere" : "again");
  }

  /** By us, or by somebody who does not want this guest to move. */
  #wasCancelled(uuid: string): boolean {
    return this.#operationOf(uuid)?.metadata.cancelRequested === true;
  }

  #operationOf(uuid: string): OperationState | undefined {
    const id = this.#migrations.get(uuid);
    return this.#c.migration.operations.list().find((o) => o.id === id);
  }

  async #cancelOne(uuid: string): Promise<void> {
    const operation = this.#operationOf(uuid);
    // One that is only being begun is cancelled when it has.
    if (operation !== undefined) await this.#c.migration.operations.cancel(`operations/${operation.id}`);
  }

  /** It is over unless guests have come meanwhile. */
  #finish(): void {
    const { cancelled, guests } = this.#state;
    const here = cancelled ? [] : this.#c.guests(this.#header.request.offlineGuests);
    const more = here.filter((now) =>
      guests.every((g) => g.uuid !== now.uuid || g.phase === "gone" || g.phase === "moved"),
    );
    if (more.length === 0) return this.#over.resolve();
    void this.#note({ entry: "guests", guests: more });
    this.#tell({ fact: "found", guests: more });
  }

  /** A disk that is full loses the memory of the drain, not the drain. */
  async #note(entry: DrainEntry): Promise<void> {
    if (this.#c.migration.signal.aborted) return;
    try {
      await this.#log.append(toStored(entry));
    } catch (e) {
      this.#c.migration.logger.error(
        { err: e, drain: this.#header.id },
        "a drain could not write down how far it is",
      );
    }
  }

  #result(): Any {
    const { guests, cancelled } = this.#state;
    const { host, uri } = this.#c.migration;
    const of = (phase: string) => guests.filter((g) => g.phase === phase);
    const left = of("left");
    if (left.length === 0) {
      const report: DrainReport = {
        uri,
        guests: guests.map((g) => guestToWire(g, this.#migrations.get(g.uuid))),
        passedOver: [...this.#places().passedOver],
      };
      return packAny("virtmesh.v1.DrainReport", DrainReport, report);
    }
    const preconditions = left.map((g) => ({ type: g.reason, subject: g.name, description: g.error }));
    const counts = `${of("moved").length} of ${guests.length} guests were moved, ${left.length} ${left.length === 1 ? "is" : "are"} on ${host} as before`;
    const [first] = left;
    throw cancelled
      ? new VirtError("CANCELLED", `the drain of ${host} was cancelled: ${counts}; ${host} stays cordoned`, {
          preconditions,
        })
      : new VirtError(
          "DRAIN_INCOMPLETE",
          `${host} is not empty: ${counts}; the first is "${first?.name}": ${first?.error}`,
          { preconditions },
        );
  }
}
