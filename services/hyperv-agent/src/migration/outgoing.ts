import { type Call, ownCall } from "@virtmesh/core/call";
import type { MigrationOffer, MigrationSample, OutgoingMigration } from "@virtmesh/core/driver/migration";
import { messageOf } from "@virtmesh/core/errors";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { HypervServer } from "../server.ts";
import type { Reference } from "../wsman/values.ts";
import { type Moving, moveUnderWay, originOf, sendGuest } from "./move.ts";
import { destinationPlaces } from "./places.ts";

/** How long a guest that is sent home may take to come, its disks with it. */
const HOME_MS = 3_600_000;

/**
 * A guest on its way to another Hyper-V host. The hosts move it as one step, running, and there is never a second copy; so
 * all of that is done while memory is "sent". Only the host where it is can send it: back home the other agent does.
 */
export class HypervOutgoing implements OutgoingMigration {
  readonly #server: HypervServer;
  readonly #offer: MigrationOffer;
  readonly #sink: (fact: SourceHypervisorFact) => void;
  readonly #hold: Disposable;
  readonly #guest: Moving;
  readonly #calledOff = new AbortController();
  #job: Reference | undefined;
  #moving: Promise<void> = Promise.resolve();
  #percent = 0;

  constructor(
    server: HypervServer,
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ) {
    this.#server = server;
    this.#offer = offer;
    this.#sink = sink;
    this.#guest = { key: originOf(offer.requiredFeatures).key, name: offer.name };
    // Until it is decided where it belongs it stays what it was here.
    this.#hold = server.guests.hold(offer.plan.uuid, c);
  }

  async startMirrors(): Promise<void> {
    // Disks go with the guest.
  }

  async concludeMirrors(): Promise<void> {
    // Disks have gone with the guest.
  }

  async sendMemory({ memoryAddress: host }: Endpoints): Promise<void> {
    const watcher = {
      begun: (job: Reference): void => {
        this.#job = job;
        if (this.#calledOff.signal.aborted) void this.#server.stopJob(job, ownCall(this.#server.signal));
      },
      progress: (percent: number) => (this.#percent = Math.max(this.#percent, percent)),
    };
    const { signal: calledOff } = this.#calledOff;
    const journey = { host, places: destinationPlaces(this.#offer), planned: true, watcher, calledOff };
    // The hosts go on by themselves; ending the agent ends only the waiting.
    const own = ownCall(this.#server.signal);
    this.#moving = sendGuest(this.#server, this.#guest, journey, own).then(
      () => {
        this.#percent = 100;
        this.#sink({ fact: "switchover", stoppedForMs: 0, order: "precopy" });
      },
      (e: unknown) => {
        if (!own.signal.aborted) this.#sink({ fact: "memoryFailed", message: messageOf(e) });
      },
    );
  }

  async continueSwitchover(): Promise<void> {
    this.#sink({ fact: "sent" });
  }

  async rollBack(_options: { readonly linkLost: boolean }, c: Call): Promise<void> {
    this.#calledOff.abort();
    const job = this.#job ?? (await moveUnderWay(this.#server, this.#guest, c));
    if (job !== undefined) {
      await this.#server.stopJob(job, c);
      await this.#server.follow("a move that was called off", job, c).catch(() => c.signal.throwIfAborted());
    }
    await this.#moving;
    await this.#server.refresh(this.#guest.key, c.signal);
    await this.#server.guests.until(this.#offer.plan.uuid, (told) => told !== undefined, c, HOME_MS);
    this.#hold[Symbol.dispose]();
    this.#sink({ fact: "rolledBack" });
  }

  async retire(_options: { readonly undefine: boolean }, c: Call): Promise<void> {
    this.#hold[Symbol.dispose]();
    await this.#server.guests.until(this.#offer.plan.uuid, (told) => told === undefined, c);
    this.#sink({ fact: "retired" });
  }

  async tune(): Promise<void> {
    // Hyper-V shares its network out by itself.
  }

  async sample(): Promise<MigrationSample> {
    const total = this.#offer.memoryBytes;
    const done = (total * BigInt(Math.trunc(this.#percent))) / 100n;
    return {
      disks: [],
      ...{ memoryTotalBytes: total, memoryTransferredBytes: done, memoryRemainingBytes: total - done },
      ...{ dirtyBytesPerSecond: 0n, throughputBytesPerSecond: 0n, memoryPasses: 0, downtimeMs: 0 },
    };
  }

  close(): void {
    this.#hold[Symbol.dispose]();
  }
}
