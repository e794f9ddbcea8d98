import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { MigrationId } from "@virtmesh/core/ids";
import { PATIENCE_MS, within } from "./patience.ts";

/** What is asked of the runner of a migration that was taken. */
interface Incoming {
  readonly isHeard: boolean;
  tell(fact: { readonly fact: "promiseDemanded" }): void;
}

/**
 * The offers that have a guest here, or want it. A guest has one migration at a time, so of two offers of it one was given
 * up, and the network has swallowed that, or let the offer through only afterwards. Nothing in them tells which: the one
 * that comes first may be the newer one. But the one that was given up has no session any more, and ends by that. So
 * none ends for the sake of another that has just come: that one waits for the first to end, or for its own session to.
 */
export class IncomingOffers {
  readonly #offers = new Set<IncomingOffer>();
  readonly #silenceMs: number;

  /** `silenceMs`: a session that has lasted so long is nobody's that was given up before. */
  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  /** One that has not its turn yet; `signal`: nobody wants it any more. */
  arrive(offer: MigrationOffer, signal: AbortSignal): IncomingOffer {
    const arrived = new IncomingOffer(offer, signal, () => this.#offers.delete(arrived));
    this.#offers.add(arrived);
    return arrived;
  }

  /** One of a migration that was under way when the agent ended. */
  seize(offer: MigrationOffer, runner: Incoming): IncomingOffer {
    const seized = this.arrive(offer, new AbortController().signal);
    seized.hasTurn = true;
    seized.take(runner);
    return seized;
  }

  /** Resolves when it is the only one of its guest, or has waited so long that it is to be refused. @throws CANCELLED */
  async turn(arrived: IncomingOffer): Promise<void> {
    const { offer, signal } = arrived;
    const demand = setTimeout(() => this.#before(offer)?.demandPromise(offer), this.#silenceMs);
    try {
      await this.#whenAlone(offer, signal, () => {
        arrived.hasTurn = true;
      });
    } finally {
      clearTimeout(demand);
    }
    signal.throwIfAborted();
  }

  /** For who only asks: resolves when none has the guest, or that takes too long; changes nothing. */
  async noneOf(offer: MigrationOffer, signal: AbortSignal): Promise<void> {
    await this.#whenAlone(offer, signal, () => undefined);
  }

  /** Never takes the guest of an offer that has not yet; resolves when it is known whether it has. */
  async giveUp(id: MigrationId): Promise<void> {
    const arrived = [...this.#offers].filter(({ offer }) => offer.plan.id === id);
    for (const one of arrived) one.giveUp();
    await Promise.all(arrived.map((one) => one.taken));
  }

  /** `then` runs in the moment of which it is true: of two that wait the second goes on waiting, for the first. */
  async #whenAlone(offer: MigrationOffer, signal: AbortSignal, then: () => void): Promise<void> {
    using patience = within(PATIENCE_MS, signal);
    for (;;) {
      const before = this.#before(offer);
      if (before === undefined || patience.isOver) return then();
      await Promise.race([before.ended, patience.over]);
    }
  }

  #before({ plan }: MigrationOffer): IncomingOffer | undefined {
    return [...this.#offers].find(({ offer, hasTurn }) => hasTurn && offer.plan.uuid === plan.uuid);
  }
}

/** Disposed when it holds nothing here any more. */
export class IncomingOffer implements Disposable {
  readonly offer: MigrationOffer;
  /** Aborted when it is not to be taken any more. */
  readonly signal: AbortSignal;
  /** It has the guest here, or asks for nothing but that. */
  hasTurn = false;
  readonly #givenUp = new AbortController();
  readonly #taken = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #onEnd: () => void;
  #runner: Incoming | undefined;

  constructor(offer: MigrationOffer, signal: AbortSignal, onEnd: () => void) {
    this.offer = offer;
    this.signal = AbortSignal.any([signal, this.#givenUp.signal]);
    this.#onEnd = onEnd;
  }

  /** Resolves when it was taken, or never will be. */
  get taken(): Promise<void> {
    return this.#taken.promise;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  take(runner: Incoming): void {
    this.#runner = runner;
    this.#taken.resolve();
  }

  giveUp(): void {
    this.#givenUp.abort(new VirtError("CANCELLED", "its source has given the migration up"));
  }

  /** Its host offers the guest again. Without a session it may be waiting for the record; a promise ends it without that. */
  demandPromise({ sourceHost }: MigrationOffer): void {
    if (this.offer.sourceHost === sourceHost && this.#runner?.isHeard === false)
      this.#runner.tell({ fact: "promiseDemanded" });
  }

  [Symbol.dispose](): void {
    this.#onEnd();
    this.#taken.resolve();
    this.#ended.resolve();
  }
}
