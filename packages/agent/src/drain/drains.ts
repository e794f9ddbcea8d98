import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { type DrainedGuest, type DrainHostRequest, DrainReport } from "@virtmesh/api/gen/virtmesh/v1/host";
import type { Call } from "@virtmesh/core/call";
import { placesFor } from "@virtmesh/core/drain/choose";
import { choiceFor, type DrainGuest, newDrain, noteFact, noteMoving } from "@virtmesh/core/drain/drain";
import { VirtError } from "@virtmesh/core/errors";
import { newMigrationId, newOperationId } from "@virtmesh/core/ids";
import type { LineLog } from "../journal/line-log.ts";
import type { Migrations } from "../migration/migrations.ts";
import { packAny } from "../operations/any.ts";
import {
  createDrainJournal,
  type DrainHeader,
  readDrains,
  reopenDrainJournal,
  toStored,
} from "./drain-journal.ts";
import { type DrainContext, DrainRunner } from "./drain-runner.ts";
import { checkDrain, guestToWire, migrationOf } from "./drain-wire.ts";

const ATTEMPTS = 3;
const VERB = "drain";

/** The drains of a host: one at a time. */
export class Drains implements AsyncDisposable {
  readonly #c: DrainContext;
  readonly #migrations: Migrations;
  readonly #dir: string;
  #running: string | undefined;
  #log: LineLog | undefined;

  constructor(c: DrainContext, migrations: Migrations, dir: string) {
    this.#c = c;
    this.#migrations = migrations;
    this.#dir = dir;
  }

  /** @throws INVALID_FIELD; WRONG_STATE when the host is being drained already. */
  async start(request: DrainHostRequest, call: Call): Promise<Operation> {
    checkDrain(request);
    if (request.validateOnly) return this.#plan(request, call);
    const { host, operations, cordon } = this.#c.migration;
    if (this.#running !== undefined) {
      throw new VirtError(
        "WRONG_STATE",
        `${host} is being drained already, by ${this.#running}; follow or cancel that`,
      );
    }
    const id = newOperationId();
    this.#running = `operations/${id}`;
    try {
      if (!cordon.cordoned) await cordon.set(true, `drained by ${this.#running}`, call.actor);
      const attempts = request.attempts === 0 ? ATTEMPTS : request.attempts;
      const header: DrainHeader = { id, request, actor: call.actor, trace: call.trace, attempts };
      const guests = this.#c.guests(request.offlineGuests);
      const log = await createDrainJournal(this.#dir, header);
      await log.append(toStored({ entry: "guests", guests }));
      const begun = { state: newDrain(guests, attempts), migrations: new Map<string, string>() };
      return await operations.start({ id, verb: VERB, uuid: "", name: "", call }, (op) =>
        this.#run(log, () => new DrainRunner(this.#c, header, log, op, begun).run()),
      );
    } catch (e) {
      this.#running = undefined;
      throw e;
    }
  }

  /** Takes up the drain that was under way when the agent ended; after the migrations. Resolves with the ids. */
  async recover(): Promise<readonly string[]> {
    const ids: string[] = [];
    for (const { header, state, migrations } of await readDrains(this.#dir)) {
      const { id, actor, trace } = header;
      ids.push(id);
      this.#running = `operations/${id}`;
      const log = await reopenDrainJournal(this.#dir, id);
      const call = { actor, requestId: "", trace };
      await this.#c.migration.operations.adopt({ id, verb: VERB, uuid: "", name: "", call }, (op) =>
        this.#run(log, () => new DrainRunner(this.#c, header, log, op, { state, migrations }).run()),
      );
    }
    return ids;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const log = this.#log;
    this.#log = undefined;
    await log?.[Symbol.asyncDispose]();
  }

  async #run<T>(log: LineLog, work: () => Promise<T>): Promise<T> {
    this.#log = log;
    try {
      return await work();
    } finally {
      this.#running = undefined;
      await this[Symbol.asyncDispose]();
    }
  }

  /** What it would do: where each guest would go, and what stands in its way there. */
  async #plan(request: DrainHostRequest, call: Call): Promise<Operation> {
    await this.#c.ready;
    const { uri, destinations, labels } = request;
    const { places, passedOver } = placesFor(this.#c.places(), { from: uri, destinations, labels });
    let state = newDrain(this.#c.guests(request.offlineGuests), 1);
    const guests: DrainedGuest[] = [];
    for (const guest of state.guests) {
      const { place, why } = choiceFor(state, guest, places);
      if (place === undefined) {
        guests.push(
          guestToWire(
            { ...guest, phase: "left", error: `no host can take it: ${why}`, reason: "LIMIT_REACHED" },
            undefined,
          ),
        );
        continue;
      }
      state = noteMoving(state, guest.uuid, place.uri, why);
      const planned = { ...guest, destination: place.uri, choice: why };
      const problem = await this.#problem(request, planned, call);
      if (problem === undefined) guests.push(guestToWire(planned, undefined));
      else {
        const { message, reason } = problem;
        state = noteFact(
          state,
          { fact: "failed", uuid: guest.uuid, verdict: "never", message, reason },
          { places, parallel: 1 },
        ).state;
        guests.push(guestToWire({ ...planned, phase: "left", error: message, reason }, undefined));
      }
    }
    const report: DrainReport = { uri: this.#c.migration.uri, guests, passedOver: [...passedOver] };
    return this.#c.migration.operations.finished(
      { verb: "check-drain", uuid: "", name: "", call },
      packAny("virtmesh.v1.DrainReport", DrainReport, report),
    );
  }

  /** What stands in the way of a guest on its way there; undefined for nothing. */
  async #problem(request: DrainHostRequest, guest: DrainGuest, call: Call): Promise<VirtError | undefined> {
    try {
      const one = migrationOf(request, guest, guest.destination);
      const { obstacles, name } = await this.#migrations.check(one, call, newMigrationId());
      if (obstacles.length === 0) return undefined;
      const all = obstacles.map((o) => o.description).join("; ");
      return new VirtError("MIGRATION_BLOCKED", `guest "${name}" cannot be migrated: ${all}`);
    } catch (e) {
      call.signal.throwIfAborted();
      return VirtError.from(e);
    }
  }
}
