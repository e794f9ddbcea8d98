import type { Any } from "@virtmesh/api/gen/google/protobuf/any";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  MigrationPhase,
  MigrationProgress,
  type MigrateDomainRequest,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { type MigrationId, newMigrationId } from "@virtmesh/core/ids";
import { parseConnectionUri } from "@virtmesh/core/uri";
import type { RunningOperation } from "../operations/operations.ts";
import type { Passage, Traveller, Waiting } from "../traffic/outgoing-gate.ts";
import type { MigrationContext } from "./context.ts";
import type { Migrations } from "./migrations.ts";
import { blocked } from "./preflight.ts";
import { forgetWaiting, keepWaiting, readWaiting, type WaitingMigration } from "./waiting-file.ts";

/** A migration that is a part of a larger operation. */
export interface Part {
  readonly id: MigrationId;
  /** `operations/<id>`. */
  readonly parent: string;
}

/**
 * Migrations that users ask for. Whose turn it is at once begins before the call is answered; any other becomes an
 * operation that waits, on disk too, and begins when its turn has come. What waits holds nothing: its guest can be
 * changed, and is examined anew at its turn.
 */
export class MigrationQueue {
  readonly #c: MigrationContext;
  readonly #migrations: Migrations;
  /** By guest. */
  readonly #waiting = new Map<string, MigrationId>();

  constructor(c: MigrationContext, migrations: Migrations) {
    this.#c = c;
    this.#migrations = migrations;
  }

  /** @throws MIGRATION_BLOCKED listing everything in the way, DOMAIN_BUSY when the guest waits for a migration already. */
  async start(request: MigrateDomainRequest, call: Call, part?: Part): Promise<Operation> {
    const checked = await this.#migrations.check(request, call, part?.id ?? newMigrationId());
    const { plan, obstacles, name } = checked;
    if (obstacles.length > 0) throw blocked(name, obstacles);
    this.#checkNotWaiting(plan.uuid, name);
    const waiting: WaitingMigration = {
      id: plan.id,
      uuid: plan.uuid,
      name,
      request,
      sinceMs: Date.now(),
      parent: part?.parent ?? "",
      actor: call.actor,
      trace: call.trace,
    };
    // Held from here on, so that a second call for the same guest does not come between.
    this.#waiting.set(plan.uuid, plan.id);
    try {
      const passage = await this.#c.outgoing.passAtOnce(travellerOf(waiting), call.signal);
      if (passage !== undefined) {
        const run = await this.#migrations.begin(request, checked, passage, call);
        this.#waiting.delete(plan.uuid);
        return await this.#c.operations.start(operationOf(waiting, call), run);
      }
      await keepWaiting(this.#c.journalDir, waiting);
      return await this.#c.operations.start(operationOf(waiting, call), (op) => this.#wait(waiting, op));
    } catch (e) {
      this.#waiting.delete(plan.uuid);
      throw e;
    }
  }

  /** Whether a migration waits for its turn. */
  has(id: MigrationId): boolean {
    return [...this.#waiting.values()].includes(id);
  }

  /** Takes up what waited when the agent ended, in its old order. Resolves with the ids. */
  async recover(begun: ReadonlySet<string>): Promise<readonly MigrationId[]> {
    const taken: MigrationId[] = [];
    for (const waiting of await readWaiting(this.#c.journalDir)) {
      // Its turn had come, and its journal says the rest.
      if (begun.has(waiting.id)) {
        await forgetWaiting(this.#c.journalDir, waiting.id);
        continue;
      }
      this.#waiting.set(waiting.uuid, waiting.id);
      taken.push(waiting.id);
      const call = { actor: waiting.actor, requestId: "", trace: waiting.trace };
      await this.#c.operations.adopt(operationOf(waiting, call), (op) => this.#wait(waiting, op));
    }
    return taken;
  }

  #checkNotWaiting(uuid: string, name: string): void {
    const id = this.#waiting.get(uuid);
    if (id === undefined) return;
    throw new VirtError(
      "DOMAIN_BUSY",
      `guest "${name}" is to be migrated already: operations/${id} waits for its turn; wait for it or cancel it`,
      { metadata: { verb: "migrate", operation: `operations/${id}` }, resource: { type: "domain", name } },
    );
  }

  async #wait(waiting: WaitingMigration, op: RunningOperation): Promise<Any> {
    const { id, uuid } = waiting;
    const signal = AbortSignal.any([op.signal, this.#c.signal]);
    const call: Call = { signal, trace: waiting.trace, actor: waiting.actor, requestId: "" };
    let run: (op: RunningOperation) => Promise<Any>;
    try {
      const passage = await this.#c.outgoing.pass(travellerOf(waiting), signal, (w) =>
        op.progress({ migration: progressOf(waiting, w) }),
      );
      run = await this.#begin(waiting, passage, call);
    } catch (e) {
      // An agent that ends leaves it to the next one.
      if (!this.#c.signal.aborted) {
        this.#c.news.waited("givenUp", (Date.now() - waiting.sinceMs) / 1000);
        await forgetWaiting(this.#c.journalDir, id);
      }
      if (!op.signal.aborted) throw e;
      throw new VirtError(
        "CANCELLED",
        `the migration of guest "${waiting.name}" to ${waiting.request.destinationUri} was cancelled before its turn had come; the guest is on ${this.#c.uri}, as before`,
        {
          metadata: { migration: id, ran_on: this.#c.uri },
          resource: { type: "domain", name: waiting.name },
        },
      );
    } finally {
      this.#waiting.delete(uuid);
    }
    this.#c.news.waited("begun", (Date.now() - waiting.sinceMs) / 1000);
    await forgetWaiting(this.#c.journalDir, id);
    return run(op);
  }

  /** Its turn has come: what was true when it was asked for may not be now. */
  async #begin(waiting: WaitingMigration, passage: Passage, call: Call) {
    try {
      const checked = await this.#migrations.check(waiting.request, call, waiting.id);
      if (checked.obstacles.length > 0) throw blocked(checked.name, checked.obstacles);
      return await this.#migrations.begin(waiting.request, checked, passage, call);
    } catch (e) {
      passage[Symbol.dispose]();
      throw e;
    }
  }
}

function travellerOf(waiting: WaitingMigration): Traveller {
  const { id, request, sinceMs } = waiting;
  const { destinationUri, priority } = request;
  return { id, destinationUri, link: parseConnectionUri(destinationUri).host, priority, sinceMs };
}

function operationOf(waiting: WaitingMigration, call: Pick<Call, "actor" | "requestId" | "trace">) {
  return {
    id: waiting.id,
    verb: "migrate",
    uuid: waiting.uuid,
    name: waiting.name,
    parent: waiting.parent,
    call,
  };
}

function progressOf(waiting: WaitingMigration, now: Waiting): MigrationProgress {
  return {
    ...MigrationProgress.fromPartial({}),
    phase: MigrationPhase.MIGRATION_PHASE_QUEUED,
    destinationUri: waiting.request.destinationUri,
    updateTime: new Date(),
    wait: { ...now, priority: waiting.request.priority, since: new Date(waiting.sinceMs) },
  };
}
