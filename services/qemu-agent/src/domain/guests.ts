import { access } from "node:fs/promises";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid, MigrationId } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { lastWords } from "../process/log-file.ts";
import type { ExitStatus } from "../process/qemu-process.ts";
import type { DefinitionStore } from "@virtmesh/agent/guests/definition-store";
import type { StatusStore } from "../state/status-store.ts";
import { etagOf } from "@virtmesh/agent/guests/definition";
import { withSecondNodes } from "../disk-moves/nodes.ts";
import { checkDisks, imageUsers } from "./disk-check.ts";
import { EventFeed } from "@virtmesh/agent/guests/event-feed";
import { Attendant } from "./attendant.ts";
import { Guest } from "./guest.ts";
import { type Instance, pidfilePath } from "./instance.ts";
import { removeMemoryFolders } from "./memory-folders.ts";
import { giveBack, launch, type LaunchSite } from "./launch.ts";
import type { TakeUp } from "../hotplug/take-up.ts";
import { exists, Roster } from "./roster.ts";
import { endingOf, haltedBy } from "./translate.ts";

export interface GuestsOptions {
  readonly site: LaunchSite;
  readonly definitions: DefinitionStore;
  readonly statuses: StatusStore;
  readonly logger: MeshLogger;
}

/** How long QEMU may take to end in order before it is killed: it may wait for a disk that does not answer. */
const ORDERLY_END_MS = 3000;
const CONT_TIMEOUT_MS = 30_000;

/**
 * Every guest of this host, and what it goes through: defined, started, arrived, adopted, ended. No event tells of a guest on
 * its way in. Changes of one guest come one after the other; the caller sees to that.
 */
export class Guests extends Roster implements AsyncDisposable {
  readonly events = new EventFeed();
  /** What is still being removed after a guest ended; the next start waits for it. */
  readonly #cleaning = new Map<DomainUuid, Promise<void>>();
  readonly #attendant: Attendant;
  readonly #options: GuestsOptions;
  #lastId = 0;
  #closed = false;

  constructor(options: GuestsOptions) {
    super();
    this.#options = options;
    this.#attendant = new Attendant({
      ...{ site: options.site, events: this.events, logger: options.logger },
      define: (definition, guest) => this.define(definition, guest.cause),
    });
  }

  /** A guest that nobody sees before it has started. */
  candidate(definition: IdentifiedDomain): Guest {
    return new Guest(definition);
  }

  /** Makes the persistent definition, or replaces it; a transient guest becomes persistent. */
  async define(definition: IdentifiedDomain, cause?: Call): Promise<Guest> {
    this.checkFree(definition.uuid, definition.name);
    await this.#options.definitions.save(definition);
    const guest = this.get(definition.uuid) ?? this.register(new Guest(definition));
    const detail = guest.persistentDefinition === undefined ? "added" : "updated";
    guest.persistentDefinition = definition;
    await this.#during(guest, cause, async () => this.events.lifecycle(guest, "defined", detail));
    return guest;
  }

  /** A disk lies elsewhere from here on, for what runs and for what is kept; durable when it resolves. */
  async relocateDisk(
    guest: Guest,
    disk: string,
    second: boolean,
    change: (definition: IdentifiedDomain) => IdentifiedDomain,
  ): Promise<void> {
    const { persistentDefinition: kept, instance } = guest;
    let etag = instance?.allotment.etag;
    if (kept !== undefined) {
      const changed = change(kept);
      if (etag === etagOf(kept)) etag = etagOf(changed);
      await this.#options.definitions.save(changed);
      guest.persistentDefinition = changed;
      this.events.lifecycle(guest, "defined", "updated");
    }
    if (instance === undefined) return;
    const secondNodes = withSecondNodes(instance.allotment.secondNodes, disk, second);
    await instance.conclude({
      definition: change(instance.definition),
      allotment: { secondNodes, ...(etag === undefined ? {} : { etag }) },
    });
  }

  /** A guest that runs goes on as a transient one. */
  async undefine(guest: Guest, cause?: Call): Promise<void> {
    await this.#options.definitions.remove(guest.uuid);
    guest.persistentDefinition = undefined;
    guest.autostart = false;
    if (guest.instance === undefined) this.unregister(guest);
    await this.#during(guest, cause, async () => this.events.lifecycle(guest, "undefined", "removed"));
  }

  async setAutostart(guest: Guest, autostart: boolean): Promise<void> {
    await this.#options.definitions.setAutostart(guest.uuid, autostart);
    guest.autostart = autostart;
  }

  /** Starts a guest that is known; `transient` is a definition for this run only. */
  async start(
    guest: Guest,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean },
    cause: Call,
  ): Promise<void> {
    await this.#during(guest, cause, async () => {
      const instance = await this.#launch(guest, definition, { signal: cause.signal });
      try {
        if (!options.paused) await guest.execute("cont", undefined, { timeoutMs: CONT_TIMEOUT_MS });
      } catch (e) {
        await this.#end(guest, instance, "discarded");
        throw e;
      }
      if (guest.instance !== instance) {
        const said = await lastWords(instance.allotment.logPath);
        throw new VirtError("HYPERVISOR_FAILED", `guest "${guest.name}" ended as it was started: ${said}`);
      }
      if (this.get(guest.uuid) === undefined) this.register(guest);
      const { state } = instance.situation;
      instance.update({ begun: true, ...(state === "running" ? { reason: "booted" } : {}) });
      if (options.paused) instance.update({ reason: "user" });
      this.events.lifecycle(guest, "started", "booted");
      if (options.paused) this.events.lifecycle(guest, "suspended", "paused");
      instance.announce();
      // An agent that is killed behind the answer is followed by one that knows that the start was told.
      await instance.flush();
    });
  }

  /** Ends a guest at once; resolves when its QEMU is gone and nothing of the run is left. */
  async destroy(guest: Guest, cause?: Call): Promise<void> {
    const { running } = guest;
    await this.#during(guest, cause, () => this.#end(guest, running, "destroyed"));
  }

  /**
   * Starts QEMU for a guest that comes from another host: it waits for `migrate-incoming`, its CPUs stand still.
   * A guest of that UUID may be defined here, but must not run. @throws DOMAIN_EXISTS and all that a start throws
   */
  async startIncoming(
    definition: IdentifiedDomain,
    options: {
      readonly migrationId: MigrationId;
      readonly postcopy: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<Guest> {
    this.checkFree(definition.uuid, definition.name);
    if (this.get(definition.uuid)?.instance) {
      throw exists(`guest "${definition.name}" runs on this host already`, definition.name);
    }
    const guest = new Guest(definition);
    this.registerIncoming(guest);
    try {
      await this.#launch(guest, definition, {
        signal: options.signal,
        incoming: { id: options.migrationId, side: "in" },
        recovery: options.postcopy,
      });
      return guest;
    } catch (e) {
      this.unregisterIncoming(guest);
      throw e;
    }
  }

  /**
   * A guest on its way in becomes an ordinary guest of this host, and the events say so: started, defined when
   * `persist` is given, and resumed or suspended as its CPUs are now.
   */
  async adopt(
    guest: Guest,
    options: {
      readonly persist?: IdentifiedDomain;
      readonly cause?: Call;
      /** It fetches memory from where it came from, for this migration. */
      readonly pulling?: MigrationId;
    },
  ): Promise<Guest> {
    const { running: instance } = guest;
    if (options.persist) await this.#options.definitions.save(options.persist);
    this.unregisterIncoming(guest);
    const known = this.get(guest.uuid);
    if (known && guest.instance === instance) {
      guest.instance = undefined;
      this.#take(known, instance);
    }
    const adopted = known ?? this.register(guest);
    // It may die while it is written down: then it has crashed here.
    const lives = (): boolean => adopted.instance === instance;
    const isNew = adopted.persistentDefinition === undefined;
    if (options.persist) adopted.persistentDefinition = options.persist;
    const { pulling } = options;
    const runs = instance.situation.state === "running";
    const halted = haltedBy(instance.situation);
    const running = pulling === undefined ? "migrated" : "postcopy";
    if (lives()) {
      instance.setMigration(pulling === undefined ? undefined : { id: pulling, side: "pulling" });
      instance.update({ reason: runs ? running : halted.reason });
      await instance.flush();
    }
    await this.#during(adopted, options.cause, async () => {
      this.events.lifecycle(adopted, "started", "migrated");
      if (options.persist) this.events.lifecycle(adopted, "defined", isNew ? "added" : "updated");
      if (runs) this.events.lifecycle(adopted, "resumed", running);
      else this.events.lifecycle(adopted, "suspended", halted.detail);
      if (lives()) return instance.announce();
      adopted.ended = { state: "shutoff", reason: "crashed" };
      if (adopted.persistentDefinition === undefined) this.unregister(adopted);
      this.events.lifecycle(adopted, "stopped", "crashed");
    });
    return adopted;
  }

  /** Ends a guest on its way in, without a word to anybody. */
  async discard(guest: Guest): Promise<void> {
    const { instance } = guest;
    if (instance) {
      instance.process.kill("SIGKILL");
      await this.#end(guest, instance, "discarded");
    }
    this.unregisterIncoming(guest);
  }

  /** A guest that runs on another host now: ends it here, and removes its definition too if asked. */
  async retire(guest: Guest, options: { readonly undefine: boolean; readonly cause?: Call }): Promise<void> {
    const { instance } = guest;
    await this.#during(guest, options.cause, async () => {
      if (instance) {
        // Its images are the other host's now: QEMU must not write to them as it ends.
        instance.process.kill("SIGKILL");
        await this.#end(guest, instance, "migrated");
      }
    });
    if (options.undefine && guest.persistentDefinition) await this.undefine(guest, options.cause);
  }

  /** A definition that was found on the disk at the start. */
  load(definition: IdentifiedDomain, autostart: boolean): Guest {
    const guest = this.register(new Guest(definition));
    guest.persistentDefinition = definition;
    guest.autostart = autostart;
    return guest;
  }

  /** Takes up a running guest that an earlier agent started. */
  takeUp(instance: Instance, how: "guest" | "incoming"): Guest {
    const { definition, allotment } = instance;
    this.#lastId = Math.max(this.#lastId, allotment.id);
    const known = how === "guest" ? this.get(definition.uuid) : undefined;
    const guest = known ?? new Guest(definition);
    if (how === "incoming") this.registerIncoming(guest);
    else if (!known) this.register(guest);
    this.#take(guest, instance);
    // Where it is to go on is not known before its migration has been taken up.
    if (instance.migration?.side === "out") guest.standStill();
    if (how === "guest") instance.announce();
    return guest;
  }

  catchUpLater(guest: Guest, instance: Instance): void {
    this.#attendant.catchUpLater(guest, instance);
  }

  takeUpOf(guest: Guest): TakeUp {
    return this.#attendant.takeUpOf(guest);
  }

  /** Lets go of every guest; they go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#attendant[Symbol.asyncDispose]();
    const guests = [...this.all(), ...this.allIncoming()];
    await Promise.all(guests.flatMap(({ instance }) => (instance ? [instance.release()] : [])));
    await Promise.all(this.#cleaning.values());
  }

  async #launch(
    guest: Guest,
    definition: IdentifiedDomain,
    options: {
      readonly signal: AbortSignal;
      readonly incoming?: { readonly id: MigrationId; readonly side: "in" };
      readonly recovery?: boolean;
    },
  ): Promise<Instance> {
    await this.#cleaning.get(guest.uuid);
    const others = this.all().filter((g) => g.instance && g.uuid !== guest.uuid);
    await checkDisks(
      definition,
      others.flatMap((g) => imageUsers(g.definition)),
    );
    const instance = await launch(definition, this.#options.site, { ...options, id: ++this.#lastId });
    this.#take(guest, instance);
    return instance;
  }

  #take(guest: Guest, instance: Instance): void {
    guest.instance = instance;
    this.#attendant.attend(guest, instance);
    void instance.exited.then((status) => this.#onExit(guest, instance, status));
  }

  async #end(
    guest: Guest,
    instance: Instance,
    ordered: Exclude<Instance["ordered"], undefined>,
  ): Promise<void> {
    instance.ordered = ordered;
    instance.process.kill("SIGTERM");
    const timer = setTimeout(() => instance.process.kill("SIGKILL"), ORDERLY_END_MS);
    try {
      await instance.exited;
    } finally {
      clearTimeout(timer);
    }
    await this.#cleaning.get(guest.uuid);
  }

  #onExit(guest: Guest, instance: Instance, status: ExitStatus): void {
    if (this.#closed || guest.instance !== instance) return;
    const cleaning = this.#settle(guest, instance, status);
    this.#cleaning.set(guest.uuid, cleaning);
    const over = cleaning.finally(() => {
      if (this.#cleaning.get(guest.uuid) === cleaning) this.#cleaning.delete(guest.uuid);
    });
    over.catch((e: unknown) =>
      this.#options.logger.error(
        { domain: guest.name, err: e },
        "what a guest left behind could not be removed",
      ),
    );
  }

  async #settle(guest: Guest, instance: Instance, status: ExitStatus): Promise<void> {
    const { site, statuses, logger } = this.#options;
    const untold = status.code === undefined && status.signal === undefined;
    const orderly = untold ? await isMissing(pidfilePath(instance.allotment.directory)) : status.code === 0;
    const ending = endingOf(instance.situation, {
      destroyed: instance.ordered === "destroyed",
      migrated: instance.ordered === "migrated",
      orderly,
    });
    guest.instance = undefined;
    guest.ended = { state: "shutoff", reason: instance.isAnnounced ? ending.reason : "failed" };
    if (instance.isAnnounced) {
      if (ending.reason === "crashed") {
        const said = await lastWords(instance.allotment.logPath);
        logger.warn({ domain: guest.name, ...status, said }, "QEMU ended unexpectedly");
      }
      if (guest.persistentDefinition === undefined) this.unregister(guest);
      this.events.emit(guest, ending.body);
    }
    this.unregisterIncoming(guest);
    await instance.release();
    await giveBack(guest.name, site, instance.allotment);
    await removeMemoryFolders(instance.definition, site.memoryDir);
    await statuses.remove(guest.uuid);
  }

  async #during(guest: Guest, cause: Call | undefined, work: () => Promise<void>): Promise<void> {
    const before = guest.cause;
    guest.cause = cause;
    try {
      await work();
    } finally {
      guest.cause = before;
    }
  }
}

async function isMissing(path: string): Promise<boolean> {
  return access(path).then(
    () => false,
    () => true,
  );
}
