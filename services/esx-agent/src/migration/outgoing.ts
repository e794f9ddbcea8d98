import { type Call, ownCall } from "@virtmesh/core/call";
import type { MigrationOffer, MigrationSample, OutgoingMigration } from "@virtmesh/core/driver/migration";
import { messageOf } from "@virtmesh/core/errors";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { EsxServer } from "../server.ts";
import type { Reference } from "../vim/encode.ts";
import { bringTo, seatAt, stopMove } from "./vmotion.ts";

/**
 * A guest on its way to another host of its vCenter. The vCenter moves it as one step, running, and there is never a second
 * copy; so all of that is done while memory is "sent", and it is brought back when nothing comes of the decision.
 */
export class EsxOutgoing implements OutgoingMigration {
  readonly #server: EsxServer;
  readonly #offer: MigrationOffer;
  readonly #object: Reference;
  readonly #sink: (fact: SourceHypervisorFact) => void;
  readonly #hold: Disposable;
  #task: Reference | undefined;
  #moving: Promise<void> = Promise.resolve();
  #percent = 0;

  constructor(
    server: EsxServer,
    offer: MigrationOffer,
    object: Reference,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ) {
    this.#server = server;
    this.#offer = offer;
    this.#object = object;
    this.#sink = sink;
    // Until it is decided where it belongs it stays what it was here.
    this.#hold = server.guests.hold(offer.plan.uuid, c);
  }

  async startMirrors(): Promise<void> {
    // Disks go with the guest.
  }

  async concludeMirrors(): Promise<void> {
    // Disks have gone with the guest.
  }

  async sendMemory({ memoryAddress }: Endpoints, c: Call): Promise<void> {
    const seat = await seatAt(this.#server, memoryAddress, c);
    const watcher = {
      begun: (task: Reference) => (this.#task = task),
      progress: (percent: number) => (this.#percent = Math.max(this.#percent, percent)),
    };
    const copy = this.#offer.plan.disks !== "shared";
    // The server goes on by itself; ending the agent ends only the waiting.
    const own = ownCall(this.#server.signal);
    this.#moving = bringTo(this.#server, this.#guest, seat, { copy, watcher }, own).then(
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
    if (this.#task !== undefined) await stopMove(this.#server, this.#task, c);
    await this.#moving;
    const home = await seatAt(this.#server, this.#offer.sourceHostUuid, c);
    await bringTo(this.#server, this.#guest, home, { copy: this.#offer.plan.disks !== "shared" }, c);
    this.#hold[Symbol.dispose]();
    this.#sink({ fact: "rolledBack" });
  }

  async retire(_options: { readonly undefine: boolean }, c: Call): Promise<void> {
    this.#hold[Symbol.dispose]();
    await this.#server.guests.until(this.#offer.plan.uuid, (told) => told === undefined, c);
    this.#sink({ fact: "retired" });
  }

  async tune(): Promise<void> {
    // vSphere shares its network out by itself.
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

  get #guest(): { readonly object: Reference; readonly name: string } {
    return { object: this.#object, name: this.#offer.name };
  }
}
