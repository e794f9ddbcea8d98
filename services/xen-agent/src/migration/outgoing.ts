import type { Call } from "@virtmesh/core/call";
import type { MigrationOffer, MigrationSample, OutgoingMigration } from "@virtmesh/core/driver/migration";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { Guest, Run } from "../guests/guest.ts";
import type { Guests } from "../guests/guests.ts";
import { listDomains } from "../guests/launch.ts";
import type { ListedDomain } from "../xl/listing.ts";
import { dial } from "./link.ts";
import { type MigrationTrust, securityOf } from "./security.ts";
import { Sending } from "./sending.ts";
import { takeBack } from "./take-back.ts";
import { endOf } from "./xl-stream.ts";

/** What the source's half needs of the host. */
export interface SourceSite {
  readonly guests: Guests;
  /** Locked by every xl that may have to do with the guest's migration. */
  readonly lock: string;
  readonly trust: MigrationTrust;
  /** Words for `xl migrate` behind its verb, up to the domain's number. */
  readonly words: readonly string[];
}

/**
 * A guest on its way out by `xl migrate`. xl may let the guest go on by itself only as long as nothing can have been decided:
 * so it is ended, when the destination has everything, before the migration goes on. From then on the guest stands still
 * until it is taken back or taken apart here.
 */
export class XenOutgoing implements OutgoingMigration {
  readonly #site: SourceSite;
  readonly #offer: MigrationOffer;
  readonly #guest: Guest;
  readonly #run: Run;
  /** Xen's number of the domain that moves: one that boots again has another. */
  readonly #id: number;
  readonly #sink: (fact: SourceHypervisorFact) => void;
  #sending: Sending | undefined;
  #isOver = false;

  constructor(
    site: SourceSite,
    offer: MigrationOffer,
    guest: Guest,
    run: Run,
    sink: (fact: SourceHypervisorFact) => void,
  ) {
    this.#site = site;
    this.#offer = offer;
    this.#guest = guest;
    this.#run = run;
    this.#id = run.id;
    this.#sink = (fact) => {
      if (!this.#isOver) sink(fact);
    };
    void run.ended.promise.then(() =>
      this.#sink({ fact: "sourceExited", message: `it has ended (${guest.reason})` }),
    );
  }

  async startMirrors(): Promise<void> {
    // xl copies no disks; plans that want it are refused.
  }

  async concludeMirrors(): Promise<void> {
    // There are none.
  }

  async sendMemory({ memoryAddress, tlsHostname }: Endpoints, c: Call): Promise<void> {
    const { lock, trust, words } = this.#site;
    const security = securityOf(this.#offer.plan, trust, tlsHostname);
    const socket = await dial(memoryAddress, security, c.signal);
    delete this.#run.stoodStillAtMs;
    const sending = new Sending(socket, [...words, String(this.#id)], lock);
    this.#sending = sending;
    void sending.outcome
      .then(async (outcome) => {
        if (outcome.kind === "failed") throw new VirtError("MIGRATION_FAILED", outcome.message);
        await this.#switchOver();
      })
      .catch((e: unknown) => this.#sink({ fact: "memoryFailed", message: messageOf(e) }));
  }

  /** The destination has all of it already. */
  async continueSwitchover(): Promise<void> {
    this.#sink({ fact: "sent" });
  }

  async rollBack(_options: { readonly linkLost: boolean }, c: Call): Promise<void> {
    if (this.#sending !== undefined) await this.#sending.stop();
    await endOf(this.#site.lock);
    const isHome = await this.#guest.turn(async () => {
      if (this.#guest.run !== this.#run) return false;
      // It has booted anew: nothing of the migration is left of it.
      if (this.#run.id !== this.#id) return true;
      const row = await this.#row();
      if (row === undefined) return false;
      if (row.shutdown === "suspend" && !(await takeBack(row, this.#site.lock))) return false;
      await this.#site.guests.during(this.#guest, c, async () =>
        this.#site.guests.stands(this.#guest, this.#run, "running"),
      );
      return true;
    });
    if (isHome) return this.#sink({ fact: "rolledBack" });
    this.#sink({ fact: "sourceExited", message: "it ended while it was sent" });
  }

  async retire({ undefine }: { readonly undefine: boolean }, c: Call): Promise<void> {
    const { guests } = this.#site;
    await guests.retire(this.#guest, this.#run, c);
    if (undefine && this.#guest.persistent !== undefined) await guests.undefine(this.#guest, c);
    this.#sink({ fact: "retired" });
  }

  async tune(): Promise<void> {
    // xl sends as fast as it can.
  }

  async sample(): Promise<MigrationSample> {
    const total = this.#offer.memoryBytes;
    const sent = this.#sending?.sentBytes ?? 0n;
    return {
      disks: [],
      memoryTotalBytes: total,
      memoryTransferredBytes: sent,
      memoryRemainingBytes: sent < total ? total - sent : 0n,
      ...{ dirtyBytesPerSecond: 0n, throughputBytesPerSecond: 0n },
      memoryPasses: this.#sending === undefined ? 0 : 1,
      downtimeMs: 0,
    };
  }

  close(): void {
    this.#isOver = true;
    void this.#sending?.stop();
  }

  /** xl has ended: it had let the guest go on before, or it never will. */
  async #switchOver(): Promise<void> {
    if ((await this.#row())?.shutdown !== "suspend")
      throw new VirtError("MIGRATION_FAILED", "the guest went on here though the destination has all of it");
    const run = this.#run;
    this.#site.guests.stands(this.#guest, run, "paused");
    const stoppedForMs = Date.now() - (run.stoodStillAtMs ?? Date.now());
    this.#sink({ fact: "switchover", stoppedForMs, order: "precopy" });
  }

  async #row(): Promise<ListedDomain | undefined> {
    return (await listDomains()).find((row) => row.id === this.#id && !row.dying);
  }
}
