import { type Call, ownCall } from "@virtmesh/core/call";
import type { IncomingMigration, MigrationOffer } from "@virtmesh/core/driver/migration";
import { messageOf } from "@virtmesh/core/errors";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import type { HypervServer } from "../server.ts";
import { look, originOf, sendGuest } from "./move.ts";
import { homePlaces } from "./places.ts";
import { withdrawPlanned } from "./planned.ts";

/** As long as the source lets it be on its way. */
const COMING_MS = 2 ** 31 - 1;

/** A guest on its way from another Hyper-V host. */
export class HypervIncoming implements IncomingMigration {
  readonly endpoints: Endpoints;
  /** It is one and the same guest, wherever it is. */
  readonly alive = true;
  readonly #server: HypervServer;
  readonly #offer: MigrationOffer;
  readonly #sink: (fact: DestinationHypervisorFact) => void;
  readonly #hold: Disposable;
  readonly #over = new AbortController();
  #isAwaited = false;

  constructor(
    server: HypervServer,
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ) {
    this.#server = server;
    this.#offer = offer;
    this.#sink = sink;
    // It is none of ours before that is decided.
    this.#hold = server.guests.hold(offer.plan.uuid, c);
    this.endpoints = {
      memoryAddress: server.host.name,
      exports: [],
      hypervisorVersion: server.host.version,
      tlsHostname: "",
    };
  }

  /** Says when it has come. */
  awaitGuest(): void {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    const own = ownCall(AbortSignal.any([this.#over.signal, this.#server.signal]));
    void this.#server.guests
      .until(this.#offer.plan.uuid, (told) => told !== undefined, own, COMING_MS)
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
    try {
      await this.#server.guests.until(this.#offer.plan.uuid, (told) => told !== undefined, c);
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
    const { key, host } = originOf(this.#offer.requiredFeatures);
    const guest = { key, name: this.#offer.name };
    await withdrawPlanned(this.#server, guest, c);
    if ((await look(this.#server, guest, c)) !== undefined) {
      const journey = { host, places: homePlaces(this.#offer), planned: false };
      await sendGuest(this.#server, guest, journey, c);
      await this.#server.guests.until(this.#offer.plan.uuid, (told) => told === undefined, c);
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
