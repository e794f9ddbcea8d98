import { setTimeout as delay } from "node:timers/promises";
import { etagOf } from "@virtmesh/agent/guests/definition";
import type { DefinitionStore } from "@virtmesh/agent/guests/definition-store";
import { KeptGuests } from "@virtmesh/agent/guests/kept-guests";
import type { Call } from "@virtmesh/core/call";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { Scope } from "@virtmesh/kit/scope";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { cardsOf } from "../xenstore/cards.ts";
import type { XenStore } from "../xenstore/connection.ts";
import { xl } from "../xl/xl.ts";
import { Guest, type Run } from "./guest.ts";
import { destroyDomain, type LaunchSource, listDomains, makeDomain, refusal } from "./launch.ts";
import { type GuestFolder, type RunStatus, xmlOf } from "./status.ts";
import {
  type Act,
  BOOTED,
  type EndReason,
  factOf,
  follow,
  type Standing,
  standingOf,
  wishesOf,
} from "./story.ts";

export interface GuestsOptions {
  readonly folder: GuestFolder;
  readonly definitions: DefinitionStore;
  /** A definition as xl reads it. */
  readonly configOf: (definition: IdentifiedDomain) => string;
  /** Where the memory of guests that crashed is written. */
  readonly dumpPath: (guest: Guest) => string;
  /** @throws when XenStore is away */
  readonly store: () => XenStore;
  /** Domains have come or gone, and the host's memory with them. */
  readonly onOthers: (signal: AbortSignal) => Promise<void>;
  readonly logger: MeshLogger;
}

/** How one that came from another host stands here. */
interface Arrived {
  readonly id: number;
  readonly paused: boolean;
  /** What stays defined; undefined for one that is transient, or defined already. */
  readonly persistent: IdentifiedDomain | undefined;
}

/** How long it takes until a question that failed is asked again. */
const AGAIN_MS = 1_000;
const NO_CARDS: ReadonlyMap<string, number> = new Map();

/** Every guest of this host that this agent started, and what becomes of each. */
export class Guests extends KeptGuests<Guest> implements AsyncDisposable {
  readonly #o: GuestsOptions;
  readonly #scope = new Scope();
  #looking = false;
  #lookAgain = false;
  /** Numbers of the domains that were there at the last look. */
  #there = "";

  constructor(options: GuestsOptions) {
    super("guest", options.definitions);
    this.#o = options;
  }

  candidate(definition: IdentifiedDomain): Guest {
    return new Guest(definition);
  }

  /** @throws CONFIG_UNSUPPORTED for what xl cannot be told */
  check(definition: IdentifiedDomain): void {
    this.#o.configOf(definition);
  }

  /** Boots, or goes on from a file. @throws HYPERVISOR_FAILED; then nothing of it is left */
  async start(
    guest: Guest,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean } & LaunchSource,
    c: Call,
  ): Promise<void> {
    await guest.turn(async () => {
      const { folder } = this.#o;
      const status: RunStatus = {
        ...{ format: 1, uuid: guest.uuid, name: guest.name, startTimeMs: Date.now() },
        ...{ etag: etagOf(definition), xml: xmlOf(definition) },
      };
      await folder.create(guest.uuid);
      let id: number | undefined;
      try {
        await folder.save(status);
        id = await makeDomain(folder, definition, this.#o.configOf(definition), options, c.signal);
        await folder.save({ ...status, id });
        if (!options.paused) await xl(["unpause", String(id)]);
      } catch (e) {
        if (id !== undefined) await destroyDomain(id);
        await folder.remove(guest.uuid);
        throw refusal(`guest "${guest.name}" could not be started`, guest.name, e);
      }
      const restored = options.savedState !== undefined;
      const paused: Standing = { state: "paused", reason: restored ? "from-snapshot" : "user" };
      const running: Standing = restored ? { state: "running", reason: "restored" } : BOOTED;
      guest.run = {
        ...{ id, startTimeMs: status.startTimeMs, etag: status.etag, definition },
        standing: options.paused ? paused : running,
        cards: NO_CARDS,
        ended: Promise.withResolvers(),
      };
      await this.findCards(guest.run);
      this.add(guest);
      await this.during(guest, c, async () => {
        this.events.lifecycle(guest, "started", restored ? "restored" : "booted");
        if (options.paused) this.events.lifecycle(guest, "suspended", restored ? "restored" : "paused");
      });
    });
  }

  /** Ends a guest at once; resolves when nothing of the run is left. */
  async destroy(guest: Guest, c?: Call): Promise<void> {
    await guest.turn(() =>
      this.during(guest, c, async () => {
        const run = guest.running;
        try {
          await destroyDomain(run.id);
        } catch (e) {
          throw refusal(`guest "${guest.name}" could not be ended`, guest.name, e);
        }
        await this.#over(guest, run, "destroyed");
      }),
    );
  }

  /** Its processors stand still, or go on. Xen tells nobody of it, so only what is done here is known and told. */
  async setPaused(guest: Guest, paused: boolean, c: Call): Promise<void> {
    await guest.turn(() =>
      this.during(guest, c, async () => {
        const run = guest.running;
        const state = paused ? "paused" : "running";
        if (run.standing.state === state) return;
        try {
          await xl([paused ? "pause" : "unpause", String(run.id)], c.signal);
        } catch (e) {
          throw refusal(`guest "${guest.name}" could not be ${paused ? "paused" : "resumed"}`, guest.name, e);
        }
        run.standing = { state, reason: paused ? "user" : "unpaused" };
        if (paused) this.events.lifecycle(guest, "suspended", "paused");
        else this.events.lifecycle(guest, "resumed", "unpaused");
      }),
    );
  }

  /** The guest's memory lies in a file, and its domain is gone: `xl save` has done both. */
  async saved(guest: Guest, run: Run): Promise<void> {
    await this.#over(guest, run, "saved");
  }

  /** xl has stopped it to be sent elsewhere, or lets it go on after that came to nothing. */
  stands(guest: Guest, run: Run, state: "paused" | "running"): void {
    if (run.standing.state === state) return;
    run.standing = { state, reason: state === "paused" ? "migration" : "migration-canceled" };
    this.events.lifecycle(guest, state === "paused" ? "suspended" : "resumed", "migrated");
  }

  /** It runs on another host now: what stands still here is taken apart. */
  async retire(guest: Guest, run: Run, c: Call): Promise<void> {
    await guest.turn(() =>
      this.during(guest, c, async () => {
        if (guest.run !== run) return;
        await destroyDomain(run.id);
        await this.#over(guest, run, "migrated");
      }),
    );
  }

  /** One that came from another host is a guest of this one, and the events say so. */
  async adopt(definition: IdentifiedDomain, { id, paused, persistent }: Arrived): Promise<void> {
    if (persistent !== undefined) await this.#o.definitions.save(persistent);
    const guest = this.get(definition.uuid) ?? new Guest(definition);
    const detail = guest.persistent === undefined ? "added" : "updated";
    guest.persistent = persistent ?? guest.persistent;
    const run: Run = {
      ...{ id, startTimeMs: Date.now(), etag: etagOf(definition), definition, cards: NO_CARDS },
      standing: paused ? { state: "paused", reason: "user" } : { state: "running", reason: "migrated" },
      ended: Promise.withResolvers(),
    };
    guest.run = run;
    this.add(guest);
    await this.#save(guest, run);
    await this.findCards(run);
    this.events.lifecycle(guest, "started", "migrated");
    if (persistent !== undefined) this.events.lifecycle(guest, "defined", detail);
    if (paused) this.events.lifecycle(guest, "suspended", "paused");
    else this.events.lifecycle(guest, "resumed", "migrated");
    // It may have ended before anybody looked after it.
    this.look();
  }

  /** What runs is another definition from here on. */
  async redefine(guest: Guest, definition: IdentifiedDomain): Promise<void> {
    const { running } = guest;
    running.definition = definition;
    running.etag = etagOf(definition);
    await this.#save(guest, running);
  }

  /** Looks which numbers Xen has given to the cards of a domain, whose own names are made of them. */
  async findCards(run: Run): Promise<void> {
    try {
      run.cards = await cardsOf(this.#o.store(), run.id);
    } catch (err) {
      // Only their counters are not known then.
      this.#o.logger.warn(
        { err, domain: run.definition.name },
        "XenStore did not say which cards a guest has",
      );
    }
  }

  /** A domain has come or gone, or may have: looks at all of them, once for all that is told meanwhile. */
  look(): void {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    this.#scope.run(
      async (signal) => {
        try {
          while (this.#lookAgain && !signal.aborted) {
            this.#lookAgain = false;
            await this.#lookOnce(signal).catch(async (err: unknown) => {
              if (signal.aborted) return;
              this.#o.logger.error({ err }, "xl did not say which domains there are; it is asked again");
              // What was told is told once, and must not be forgotten.
              this.#lookAgain = true;
              await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
            });
          }
        } finally {
          this.#looking = false;
        }
      },
      (err) => this.#o.logger.error({ err }, "domains are not looked at any more"),
    );
  }

  /** Takes up what an earlier agent left running, and tells of what has ended meanwhile. */
  async reattach(statuses: readonly RunStatus[], read: (xml: string) => IdentifiedDomain): Promise<void> {
    if (statuses.length === 0) return;
    const rows = new Map((await listDomains()).map((row) => [row.uuid, row]));
    for (const status of statuses) {
      if (status.incoming !== undefined) continue;
      const { uuid, id, restarting } = status;
      const row = rows.get(uuid);
      const definition = read(status.xml);
      const guest = this.get(uuid) ?? new Guest(definition);
      if (id === undefined || (row === undefined && restarting !== true)) {
        // Nobody was told of a start that was cut short, and its domain has never run.
        if (row !== undefined) await destroyDomain(row.id);
        await this.#o.folder.remove(uuid);
        if (id === undefined) continue;
        guest.remember(definition);
        this.#o.logger.warn({ domain: status.name }, "a guest ended while no agent was there");
        this.events.lifecycle(guest, "stopped", "unknown", { reconciled: true });
        continue;
      }
      const run: Run = {
        ...{ id: row?.id ?? id, startTimeMs: status.startTimeMs, etag: status.etag, definition },
        // How it stands is no news: only what changed while nobody looked would be, and that is not known.
        standing: restarting === true ? BOOTED : standingOf(row),
        cards: NO_CARDS,
        ended: Promise.withResolvers(),
      };
      guest.run = run;
      await this.findCards(run);
      this.add(guest);
      this.#o.logger.info({ domain: status.name, id: run.id }, "a running guest was taken up");
      if (restarting === true)
        await this.#carryOut(guest, run, { kind: "restart", reason: "reboot", dump: false });
    }
  }

  /** Lets go of all; they run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #lookOnce(signal: AbortSignal): Promise<void> {
    // Before the list: a guest that starts meanwhile is not in it, and has not ended.
    const runs = this.all().flatMap((guest) =>
      guest.run === undefined ? [] : [{ guest, run: guest.run, id: guest.run.id }],
    );
    const rows = new Map((await listDomains(signal)).map((row) => [row.id, row]));
    for (const { guest, run, id } of runs) {
      const fact = factOf(rows.get(id));
      if (fact.kind === "ended" && fact.why === "suspend") run.stoodStillAtMs ??= Date.now();
      const act = follow(run.standing, fact, wishesOf(run.definition));
      if (act.kind === "nothing") continue;
      this.#scope.run(
        () =>
          guest.turn(async () => {
            // Meanwhile somebody may have ended it, or it was made anew.
            if (guest.run === run && run.id === id) await this.#carryOut(guest, run, act);
          }),
        (err) => this.#o.logger.error({ err, domain: guest.name }, "a guest that ended could not be seen to"),
      );
    }
    const there = [...rows.keys()].join();
    if (there === this.#there) return;
    await this.#o.onOthers(signal);
    this.#there = there;
  }

  async #carryOut(guest: Guest, run: Run, act: Act): Promise<void> {
    switch (act.kind) {
      case "nothing":
        return;
      case "forget":
        return await this.#over(guest, run, "destroyed");
      case "keep":
        // Two looks may have seen the same end.
        if (run.standing.state === act.standing.state) return;
        run.standing = act.standing;
        return this.events.lifecycle(guest, act.told.type, act.told.detail);
      case "end":
        if (act.dump) await this.#dump(guest, run);
        await destroyDomain(run.id);
        return await this.#over(guest, run, act.reason);
      case "restart":
        if (act.dump) await this.#dump(guest, run);
        return await this.#restart(guest, run, act.reason);
    }
  }

  /** Made anew out of what ran; Xen gives it another number. */
  async #restart(guest: Guest, run: Run, reason: EndReason | "reboot"): Promise<void> {
    const { folder } = this.#o;
    const { signal } = this.#scope;
    await folder.save({ ...this.#statusOf(guest, run), restarting: true });
    await destroyDomain(run.id);
    try {
      run.id = await makeDomain(folder, run.definition, this.#o.configOf(run.definition), {}, signal);
      run.startTimeMs = Date.now();
      await this.#save(guest, run);
      await this.findCards(run);
      await xl(["unpause", String(run.id)]);
    } catch (e) {
      // It is made anew by the agent that comes next.
      if (signal.aborted) return;
      this.#o.logger.error({ err: e, domain: guest.name }, "a guest could not be started again");
      return await this.#over(guest, run, reason === "shutdown" ? "shutdown" : "crashed");
    }
    run.standing = BOOTED;
    if (reason === "reboot") return this.events.lifecycle(guest, "rebooted", "");
    this.events.lifecycle(guest, "stopped", reason);
    this.events.lifecycle(guest, "started", "booted");
  }

  async #dump(guest: Guest, run: Run): Promise<void> {
    const path = this.#o.dumpPath(guest);
    try {
      await xl(["dump-core", String(run.id), path]);
      this.#o.logger.warn({ domain: guest.name, path }, "the memory of a guest that crashed was written");
    } catch (err) {
      // What was wanted after it is done all the same.
      this.#o.logger.error({ err, domain: guest.name, path }, "the memory of a guest could not be written");
    }
  }

  async #over(guest: Guest, run: Run, reason: EndReason | "saved" | "migrated"): Promise<void> {
    guest.remember(run.definition);
    guest.run = undefined;
    guest.ended = { state: "shutoff", reason };
    await this.#o.folder.remove(guest.uuid);
    if (guest.persistent === undefined) this.remove(guest);
    this.events.lifecycle(guest, "stopped", reason);
    run.ended.resolve();
  }

  async #save(guest: Guest, run: Run): Promise<void> {
    await this.#o.folder.save(this.#statusOf(guest, run));
  }

  #statusOf({ uuid, name }: Guest, { id, startTimeMs, etag, definition }: Run): RunStatus {
    return { format: 1, uuid, name, id, startTimeMs, etag, xml: xmlOf(definition) };
  }
}
