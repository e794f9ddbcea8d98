import type { Call } from "@virtmesh/core/call";
import type { IncomingMigration, MigrationOffer } from "@virtmesh/core/driver/migration";
import { messageOf } from "@virtmesh/core/errors";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import { etagOf } from "@virtmesh/agent/guests/definition";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Guests } from "../guests/guests.ts";
import { destroyDomain, findDomain } from "../guests/launch.ts";
import { type GuestFolder, type RunStatus, xmlOf } from "../guests/status.ts";
import type { ListedDomain } from "../xl/listing.ts";
import { xl } from "../xl/xl.ts";
import { type Door, type LinkSecurity, openDoor } from "./link.ts";
import { Receiving } from "./receiving.ts";
import { endOf } from "./xl-stream.ts";

/** What the destination's half needs of the host. */
export interface DestinationSite {
  readonly guests: Guests;
  readonly folder: GuestFolder;
  /** Where other hosts reach this one. */
  readonly dataAddress: string;
  /** Name in this host's certificate. */
  readonly host: string;
  readonly xenVersion: string;
  readonly security: LinkSecurity | undefined;
  /** What will run here. */
  readonly definition: IdentifiedDomain;
  /** What will stay defined here; undefined for a guest that is transient here. */
  readonly persistent: IdentifiedDomain | undefined;
}

type Sink = (fact: DestinationHypervisorFact) => void;

const LOCK = "migration.lock";

/**
 * A guest on its way in. It is made by `xl migrate-receive`, which is ended before anybody hears that it is whole; so it
 * stands still, whoever dies, until it is let run here or taken apart. It is no guest of this host before that.
 */
export class XenIncoming implements IncomingMigration {
  endpoints: Endpoints;
  readonly #site: DestinationSite;
  readonly #offer: MigrationOffer;
  readonly #sink: Sink;
  #door: Door | undefined;
  #receiving: Receiving | undefined;
  /** Nobody else would say any more that it is lost. */
  #isAlive = true;
  #isWhole = false;
  /** The source knows that it has sent everything: before that it has no ear for it. */
  #isAwaited = false;
  #isOver = false;

  private constructor(offer: MigrationOffer, site: DestinationSite, sink: Sink) {
    this.#offer = offer;
    this.#site = site;
    this.#sink = (fact) => {
      if (!this.#isOver) sink(fact);
    };
    this.endpoints = {
      ...{ memoryAddress: "", exports: [], hypervisorVersion: site.xenVersion, tlsHostname: site.host },
    };
  }

  static async prepare(offer: MigrationOffer, site: DestinationSite, sink: Sink): Promise<XenIncoming> {
    const incoming = new XenIncoming(offer, site, sink);
    const { uuid, name } = site.definition;
    site.guests.checkFree(uuid, name);
    if (offer.plan.mode === "offline") {
      // There is nothing to come; said after the answer to this call.
      setImmediate(() => incoming.#sink({ fact: "loaded" }));
      return incoming;
    }
    await site.folder.create(uuid);
    try {
      await site.folder.save(incoming.#status());
      incoming.#door = await openDoor(site.dataAddress, site.security, (socket) => {
        // One guest comes, by one connection.
        if (incoming.#receiving === undefined) incoming.#receive(new Receiving(socket, incoming.#lock));
        else socket.destroy();
      });
    } catch (e) {
      await site.folder.remove(uuid);
      throw e;
    }
    incoming.endpoints = { ...incoming.endpoints, memoryAddress: incoming.#door.address };
    return incoming;
  }

  /** Taken up after a restart of the agent, with what is written about it; one that was not whole by then is lost. */
  static async reopen(
    offer: MigrationOffer,
    site: DestinationSite,
    status: RunStatus,
    sink: Sink,
  ): Promise<XenIncoming> {
    const incoming = new XenIncoming(offer, site, sink);
    await endOf(incoming.#lock);
    incoming.#isWhole = status.incoming?.whole === true;
    incoming.#isAlive = incoming.#isWhole && (await incoming.#row()) !== undefined;
    if (incoming.#isAlive) incoming.#sink({ fact: "loaded" });
    return incoming;
  }

  /** The same for a guest that is off: nothing of it is here before its definition is. */
  static reopenOff(offer: MigrationOffer, site: DestinationSite, sink: Sink): XenIncoming {
    const incoming = new XenIncoming(offer, site, sink);
    incoming.#isAlive = false;
    return incoming;
  }

  get alive(): boolean {
    return this.#isAlive;
  }

  /** By now the source knows that all of it is here. */
  async closeExports(): Promise<void> {
    this.#isAwaited = true;
    if (this.#isWhole) this.#sink({ fact: "loaded" });
  }

  async resume(c: Call): Promise<void> {
    const { guests, definition, persistent } = this.#site;
    if (this.#offer.plan.mode === "offline") {
      if (persistent !== undefined) await guests.define(persistent, c);
      return this.#sink({ fact: "running", downtimeMs: 0 });
    }
    const runs = this.#offer.running && !this.#offer.plan.leavePaused;
    let row: ListedDomain | undefined;
    try {
      row = await this.#letRun(runs);
    } catch (e) {
      row = await this.#row();
      // It is only known to stand still as long as Xen says so.
      if (row?.paused !== false) return this.#sink({ fact: "resumeFailed", message: messageOf(e) });
    }
    if (row === undefined)
      return this.#sink({ fact: "resumeFailed", message: "somebody has taken its domain apart" });
    this.#sink({ fact: "running", downtimeMs: 0 });
    await guests.adopt(definition, { id: row.id, paused: !runs, persistent });
  }

  async discard(): Promise<readonly string[]> {
    this.#door?.close();
    await this.#receiving?.stop();
    if (this.#offer.plan.mode === "live") {
      const row = await this.#row();
      if (row !== undefined) await destroyDomain(row.id);
      await this.#site.folder.remove(this.#site.definition.uuid);
    }
    this.#sink({ fact: "discarded", leftovers: [] });
    return [];
  }

  async settleCrashed(c: Call): Promise<void> {
    const { guests, folder, definition, persistent } = this.#site;
    if (this.#offer.plan.mode === "live") await folder.remove(definition.uuid);
    if (persistent !== undefined) await guests.define(persistent, c);
  }

  close(): void {
    this.#isOver = true;
    this.#door?.close();
    // Of an agent that ends: one that is not whole has its source go on.
    if (!this.#isWhole) void this.#receiving?.stop();
  }

  #receive(receiving: Receiving): void {
    this.#receiving = receiving;
    void receiving.failure
      .then(async (failure) => {
        if (failure !== undefined) throw new Error(failure);
        await this.#site.folder.save(this.#status({ whole: true }));
        this.#isWhole = true;
        receiving.confirm();
        if (this.#isAwaited) this.#sink({ fact: "loaded" });
      })
      .catch((e: unknown) => {
        this.#isAlive = false;
        this.#sink({ fact: "incomingFailed", message: `xl on ${this.#site.host}: ${messageOf(e)}` });
      });
  }

  async #letRun(runs: boolean): Promise<ListedDomain | undefined> {
    const row = await this.#row();
    if (row === undefined) return undefined;
    const { name } = this.#site.definition;
    // xl has called it `<name>--incoming`.
    if (row.name !== name) await xl(["rename", String(row.id), name]);
    if (runs && row.paused) await xl(["unpause", String(row.id)]);
    return row;
  }

  async #row(): Promise<ListedDomain | undefined> {
    return await findDomain(this.#site.definition.uuid);
  }

  get #lock(): string {
    return this.#site.folder.of(this.#site.definition.uuid, LOCK);
  }

  #status(how: { readonly whole?: true } = {}): RunStatus {
    const { definition } = this.#site;
    return {
      ...{ format: 1, uuid: definition.uuid, name: definition.name, startTimeMs: Date.now() },
      ...{ etag: etagOf(definition), xml: xmlOf(definition) },
      incoming: { migration: this.#offer.plan.id, ...how },
    };
  }
}
