import { type Call, ownCall } from "@virtmesh/core/call";
import type { IncomingMigration, MigrationOffer } from "@virtmesh/core/driver/migration";
import { messageOf } from "@virtmesh/core/errors";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import type { EsxServer } from "../server.ts";
import type { Reference } from "../vim/encode.ts";
import { bringTo, hostOf, seatAt } from "./vmotion.ts";

/** A guest on its way from another host of the same vCenter. */
export class EsxIncoming implements IncomingMigration {
  readonly endpoints: Endpoints;
  /** It is one and the same guest, wherever it stands. */
  readonly alive = true;
  readonly #server: EsxServer;
  readonly #offer: MigrationOffer;
  readonly #object: Reference;
  readonly #sink: (fact: DestinationHypervisorFact) => void;
  readonly #hold: Disposable;
  readonly #over = new AbortController();
  #isAwaited = false;

  constructor(
    server: EsxServer,
    offer: MigrationOffer,
    object: Reference,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ) {
    this.#server = server;
    this.#offer = offer;
    this.#object = object;
    this.#sink = sink;
    // It is none of ours before that is decided.
    this.#hold = server.guests.hold(offer.plan.uuid, c);
    this.endpoints = {
      memoryAddress: server.place.facts.uuid,
      exports: [],
      hypervisorVersion: server.place.facts.version,
      tlsHostname: "",
    };
  }

  /** Says when it has come; one that is off comes when that is decided. */
  awaitGuest(): void {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    if (this.#offer.plan.mode === "offline") {
      // Said after the answer to this call.
      setImmediate(() => this.#sink({ fact: "loaded" }));
      return;
    }
    const own = ownCall(AbortSignal.any([this.#over.signal, this.#server.signal]));
    void this.#server.guests
      .until(this.#offer.plan.uuid, (told) => told !== undefined, own, Number.POSITIVE_INFINITY)
      .then(
        () => this.#sink({ fact: "loaded" }),
        () => undefined,
      );
  }

  /** The source has seen the move end. This host may have seen it before, which would have been said too early. */
  async closeExports(): Promise<void> {
    this.awaitGuest();
  }

  async resume(c: Call): Promise<void> {
    const { plan, name } = this.#offer;
    try {
      const seat = await seatAt(this.#server, this.#server.place.facts.uuid, c);
      const guest = { object: this.#object, name };
      await bringTo(this.#server, guest, seat, { copy: plan.disks !== "shared" }, c);
      await this.#server.guests.until(plan.uuid, (told) => told !== undefined, c);
    } catch (e) {
      c.signal.throwIfAborted();
      this.#sink({ fact: "resumeFailed", message: messageOf(e) });
      return;
    }
    this.#release();
    this.#sink({ fact: "running", downtimeMs: 0 });
  }

  /** What has come already goes back: nothing was decided. */
  async discard(c: Call): Promise<readonly string[]> {
    this.#over.abort();
    if ((await hostOf(this.#server, this.#object, c)) === this.#server.place.host.value) {
      const home = await seatAt(this.#server, this.#offer.sourceHostUuid, c);
      const guest = { object: this.#object, name: this.#offer.name };
      await bringTo(this.#server, guest, home, { copy: this.#offer.plan.disks !== "shared" }, c);
    }
    this.#release();
    return [];
  }

  async settleCrashed(): Promise<void> {
    this.#release();
  }

  close(): void {
    this.#release();
  }

  #release(): void {
    this.#over.abort();
    this.#hold[Symbol.dispose]();
  }
}
