import { access } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, type MigrationId, parseUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { Scope } from "@virtmesh/kit/scope";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { lastWords } from "../process/log-file.ts";
import type { ExitStatus } from "../process/qemu-process.ts";
import type { DefinitionStore } from "@virtmesh/agent/guests/definition-store";
import type { StatusStore } from "../state/status-store.ts";
import { etagOf } from "@virtmesh/agent/guests/definition";
import { withSecondNodes } from "../disk-moves/nodes.ts";
import { checkDisks, imageUsers } from "./disk-check.ts";
import { EventFeed } from "@virtmesh/agent/guests/event-feed";
import { Guest } from "./guest.ts";
import { type Instance, pidfilePath } from "./instance.ts";
import { removeMemoryFolders } from "./memory-folders.ts";
import { giveBack, launch, type LaunchSite } from "./launch.ts";
import { withoutOldDevice } from "../hotplug/device-change.ts";
import { releaseHostSide } from "../hotplug/release.ts";
import { reconcileHardware, type TakeUp } from "../hotplug/take-up.ts";
import { reconcile } from "./reconcile.ts";
import { endingOf } from "./translate.ts";

export interface GuestsOptions {
  readonly site: LaunchSite;
  readonly definitions: DefinitionStore;
  readonly statuses: StatusStore;
  readonly logger: MeshLogger;
}

/** How long QEMU may take to end in order before it is killed: it may wait for a disk that does not answer. */
const ORDERLY_END_MS = 3000;
const CONT_TIMEOUT_MS = 30_000;
/** As long as a timer can be set for. */
const EVENTUALLY_MS = 2 ** 31 - 1;

/**
 * Every guest of this host. A guest on its way in is kept apart: nobody but the migration sees it, and no event
 * tells of it, until it is adopted. Changes of one guest come one after the other; the caller sees to that.
 */
export class Guests implements AsyncDisposable {
  readonly events = new EventFeed();
  readonly #guests = new Map<DomainUuid, Guest>();
  readonly #names = new Map<string, Guest>();
  readonly #incoming = new Map<DomainUuid, Guest>();
  /** What is still being removed after a guest ended; the next start waits for it. */
  readonly #cleaning = new Map<DomainUuid, Promise<void>>();
  readonly #scope = new Scope();
  readonly #options: GuestsOptions;
  #lastId = 0;
  #closed = false;

  constructor(options: GuestsOptions) {
    this.#options = options;
  }

  all(): readonly Guest[] {
    return [...this.#guests.values()];
  }

  get(uuid: DomainUuid): Guest | undefined {
    return this.#guests.get(uuid);
  }

  byName(name: string): Guest | undefined {
    return this.#names.get(name);
  }

  /** By UUID or name. */
  find(ref: string): Guest | undefined {
    const uuid = parseUuid(ref);
    return (uuid === undefined ? undefined : this.#guests.get(uuid as DomainUuid)) ?? this.#names.get(ref);
  }

  /** @throws DOMAIN_NOT_FOUND */
  require(uuid: DomainUuid): Guest {
    const guest = this.#guests.get(uuid);
    if (guest) return guest;
    throw new VirtError("DOMAIN_NOT_FOUND", `there is no guest with the UUID ${uuid} on this host`, {
      resource: { type: "domain", name: uuid },
    });
  }

  /** A guest on its way in. */
  incoming(uuid: DomainUuid): Guest | undefined {
    return this.#incoming.get(uuid);
  }

  allIncoming(): readonly Guest[] {
    return [...this.#incoming.values()];
  }

  /** @throws DOMAIN_EXISTS when the name is another guest's, or the UUID one's of another name. */
  checkFree(uuid: DomainUuid, name: string): void {
    for (const known of [this.#guests.get(uuid), this.#names.get(name)]) {
      if (known === undefined || (known.uuid === uuid && known.name === name)) continue;
      const taken =
        known.uuid === uuid
          ? `the UUID ${uuid} belongs to guest "${known.name}" already`
          : `guest "${name}" exists already, with the UUID ${known.uuid}`;
      throw exists(`${taken}; undefine it first or choose another name`, name);
    }
    for (const guest of this.#incoming.values()) {
      if (guest.uuid === uuid || guest.name === name) {
        throw exists(`guest "${guest.name}" is on its way in by a migration`, name);
      }
    }
  }

  /** A guest that nobody sees before it has started. */
  candidate(definition: IdentifiedDomain): Guest {
    return new Guest(definition);
  }

  /** Makes the persistent definition, or replaces it; a transient guest becomes persistent. */
  async define(definition: IdentifiedDomain, cause?: Call): Promise<Guest> {
    this.checkFree(definition.uuid, definition.name);
    await this.#options.definitions.save(definition);
    const guest = this.#guests.get(definition.uuid) ?? this.#register(new Guest(definition));
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
    if (guest.instance === undefined) this.#unregister(guest);
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
      if (!this.#guests.has(guest.uuid)) this.#register(guest);
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
    options: { readonly migrationId: MigrationId; readonly signal: AbortSignal },
  ): Promise<Guest> {
    this.checkFree(definition.uuid, definition.name);
    if (this.#guests.get(definition.uuid)?.instance) {
      throw exists(`guest "${definition.name}" runs on this host already`, definition.name);
    }
    const guest = new Guest(definition);
    this.#incoming.set(guest.uuid, guest);
    try {
      await this.#launch(guest, definition, {
        signal: options.signal,
        incoming: { id: options.migrationId, side: "in" },
      });
      return guest;
    } catch (e) {
      this.#incoming.delete(guest.uuid);
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
    this.#incoming.delete(guest.uuid);
    const known = this.#guests.get(guest.uuid);
    if (known && guest.instance === instance) {
      guest.instance = undefined;
      this.#take(known, instance);
    }
    const adopted = known ?? this.#register(guest);
    // It may die while it is written down: then it has crashed here.
    const lives = (): boolean => adopted.instance === instance;
    const isNew = adopted.persistentDefinition === undefined;
    if (options.persist) adopted.persistentDefinition = options.persist;
    const { pulling } = options;
    const runs = instance.situation.state === "running";
    const running = pulling === undefined ? "migrated" : "postcopy";
    if (lives()) {
      instance.setMigration(pulling === undefined ? undefined : { id: pulling, side: "pulling" });
      instance.update(runs ? { reason: running } : { reason: "user" });
      await instance.flush();
    }
    await this.#during(adopted, options.cause, async () => {
      this.events.lifecycle(adopted, "started", "migrated");
      if (options.persist) this.events.lifecycle(adopted, "defined", isNew ? "added" : "updated");
      if (runs) this.events.lifecycle(adopted, "resumed", running);
      else this.events.lifecycle(adopted, "suspended", "paused");
      if (lives()) return instance.announce();
      adopted.ended = { state: "shutoff", reason: "crashed" };
      if (adopted.persistentDefinition === undefined) this.#unregister(adopted);
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
    this.#incoming.delete(guest.uuid);
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
    const guest = this.#register(new Guest(definition));
    guest.persistentDefinition = definition;
    guest.autostart = autostart;
    return guest;
  }

  /** Takes up a running guest that an earlier agent started. */
  takeUp(instance: Instance, how: "guest" | "incoming"): Guest {
    const { definition, allotment } = instance;
    this.#lastId = Math.max(this.#lastId, allotment.id);
    const known = how === "guest" ? this.#guests.get(definition.uuid) : undefined;
    const guest = known ?? new Guest(definition);
    if (how === "incoming") this.#incoming.set(guest.uuid, guest);
    else if (!known) this.#register(guest);
    this.#take(guest, instance);
    if (how === "guest") instance.announce();
    return guest;
  }

  /** Its QEMU hangs now, perhaps on memory that is still on another host; it is caught up with when it answers. */
  catchUpLater(guest: Guest, instance: Instance): void {
    this.#background(guest, async () => {
      await instance.connect(this.#scope.signal, EVENTUALLY_MS);
      await reconcile(guest, this.events);
    });
  }

  /** Lets go of every guest; they go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#scope[Symbol.asyncDispose]();
    const guests = [...this.#guests.values(), ...this.#incoming.values()];
    await Promise.all(guests.flatMap(({ instance }) => (instance ? [instance.release()] : [])));
    await Promise.all(this.#cleaning.values());
  }

  async #launch(
    guest: Guest,
    definition: IdentifiedDomain,
    options: {
      readonly signal: AbortSignal;
      readonly incoming?: { readonly id: MigrationId; readonly side: "in" };
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
    let wasRebooting = instance.situation.rebooting;
    let resetting = false;
    instance.listen({
      event: (body, timeMs) => {
        if (body.kind === "device" && body.type === "removed")
          this.#forgetDevice(guest, instance, body.device);
        this.events.emit(guest, body, { timeMs });
      },
      changed: () => {
        guest.forgetInfo();
        const { rebooting, shutdown } = instance.situation;
        const restarts = rebooting || guest.definition.onPoweroff === "restart";
        if (restarts && shutdown === "guest" && !resetting) {
          resetting = true;
          this.#background(guest, () => this.#reset(guest).finally(() => (resetting = false)));
        }
        if (wasRebooting && !rebooting) this.#background(guest, () => powersOff(guest));
        wasRebooting = rebooting;
      },
      disconnected: (reason) => {
        if (reason.failure !== "closed") {
          this.#options.logger.error({ domain: guest.name, err: reason }, "the connection to QEMU broke");
        }
        this.#background(guest, () => this.#reconnect(guest, instance));
      },
    });
    void instance.exited.then((status) => this.#onExit(guest, instance, status));
  }

  /** Before the event is told, so that who hears it finds the guest without the device. */
  #forgetDevice(guest: Guest, instance: Instance, alias: string): void {
    const forgotten = instance.forget(alias, withoutOldDevice);
    if (forgotten === undefined || instance.unplugging.has(alias)) return;
    const { before, gone } = forgotten;
    this.#background(guest, () => releaseHostSide(guest, before, gone, this.#options.site));
  }

  /** What the hardware of a guest is brought together with after a time in which nobody listened. */
  takeUpOf(guest: Guest): TakeUp {
    return {
      site: this.#options.site,
      events: this.events,
      define: (definition) => this.define(definition, guest.cause),
    };
  }

  #background(guest: Guest, work: () => Promise<void>): void {
    this.#scope.run(work, (e) => {
      if (guest.instance && !guest.instance.process.hasExited) {
        this.#options.logger.error({ domain: guest.name, err: e }, "a guest could not be kept up with");
      }
    });
  }

  /** QEMU closed its monitor, or said nonsense on it. Most often it is ending; else one new connection must do. */
  async #reconnect(guest: Guest, instance: Instance): Promise<void> {
    try {
      await instance.connect(this.#scope.signal);
      await reconcile(guest, this.events);
      await reconcileHardware(guest, this.takeUpOf(guest));
    } catch (e) {
      const waiting = new AbortController();
      const signal = AbortSignal.any([waiting.signal, this.#scope.signal]);
      const late = delay(ORDERLY_END_MS, "late", { signal }).catch(() => "let go");
      const end = await Promise.race([instance.exited, late]);
      waiting.abort();
      if (end === "late") throw e;
    }
  }

  /** The second half of a reboot: the guest has powered off, which only stopped its CPUs. */
  async #reset(guest: Guest): Promise<void> {
    const reset = Promise.withResolvers<void>();
    using _ = guest.qmp.onEvent(({ event }) => (event === "RESET" ? reset.resolve() : undefined));
    await guest.mayGoOn;
    await guest.execute("system_reset", undefined);
    await Promise.race([reset.promise, guest.exited]);
    await guest.execute("cont", undefined);
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
      if (guest.persistentDefinition === undefined) this.#unregister(guest);
      this.events.emit(guest, ending.body);
    }
    if (this.#incoming.get(guest.uuid) === guest) this.#incoming.delete(guest.uuid);
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

  #register(guest: Guest): Guest {
    this.#guests.set(guest.uuid, guest);
    this.#names.set(guest.name, guest);
    return guest;
  }

  #unregister(guest: Guest): void {
    if (this.#guests.get(guest.uuid) === guest) this.#guests.delete(guest.uuid);
    if (this.#names.get(guest.name) === guest) this.#names.delete(guest.name);
  }
}

/** The next power-off of the guest does what its definition says. */
async function powersOff(guest: Guest): Promise<void> {
  const { onPoweroff = "destroy" } = guest.definition;
  await guest.execute("set-action", { shutdown: onPoweroff === "destroy" ? "poweroff" : "pause" });
}

async function isMissing(path: string): Promise<boolean> {
  return access(path).then(
    () => false,
    () => true,
  );
}

function exists(message: string, name: string): VirtError {
  return new VirtError("DOMAIN_EXISTS", message, { resource: { type: "domain", name } });
}
