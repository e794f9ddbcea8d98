import type { ReserveResponse } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import type { VirtError } from "@virtmesh/core/errors";
import {
  AT_ONCE,
  EMPTY_LINE,
  leave,
  letIn,
  type Line,
  lineUp,
  putInside,
  rankOf,
  standingIn,
  type Ticket,
  usedOf,
} from "@virtmesh/core/traffic/line";
import type { LimitsStore } from "./limits.ts";
import { type Answer, Reservation } from "./reservation.ts";

/** A migration before its turn. */
export interface Traveller {
  readonly id: string;
  readonly destinationUri: string;
  /** Name of the other host: all migrations to it share a link. */
  readonly link: string;
  readonly priority: number;
  readonly sinceMs: number;
}

/** What somebody waits for. */
export interface Waiting {
  readonly reason: string;
  readonly place: number;
  readonly waiting: number;
  /** The host that has no room; empty for our own. */
  readonly host: string;
}

/** Its turn has come: a place here and one on the destination, until disposed. */
export interface Passage extends Disposable {
  /** What the destination lets this migration have, in bytes a second; 0 without a limit. */
  readonly allowance: bigint;
  /** Called when the allowance changes. */
  onAllowance(listener: () => void): Disposable;
}

export interface OutgoingGateOptions {
  readonly host: string;
  readonly limits: LimitsStore;
  /** Asks a destination for a place. @throws UNKNOWN_HOST, HOST_GONE */
  readonly ask: (traveller: Traveller, signal: AbortSignal) => AsyncIterable<ReserveResponse>;
  /** Calls back when some agent comes back. */
  readonly onChance: (listener: () => void) => Disposable;
}

const OUT = "outgoing";
/** How long a destination may be out of reach before those who wait for it are given up. */
const SILENCE_MS = 30_000;
const ASK_AGAIN_MS = 1_000;

/**
 * The line before the migrations of this host. Whose turn it is takes a place here and asks the destination for one.
 * When the destination has none, it steps aside: it waits there, gives its place here to others, and those that want
 * to the same host wait behind it. When it gets its place there, the next place here is its own.
 */
export class OutgoingGate {
  readonly #o: OutgoingGateOptions;
  readonly #watchers = new Map<string, (waiting: Waiting) => void>();
  readonly #turns = new Map<string, () => void>();
  /** How many of ours wait on each destination. */
  readonly #aside = new Map<string, number>();
  #line: Line = EMPTY_LINE;

  constructor(options: OutgoingGateOptions) {
    this.#o = options;
    // As long as the agent lives, which both belong to.
    options.limits.onChange(() => this.#advance());
  }

  get running(): number {
    return this.#line.inside.length;
  }

  get waiting(): number {
    return this.#line.waiting.length + [...this.#aside.values()].reduce((sum, n) => sum + n, 0);
  }

  /** Goes through when nothing is in the way; undefined when it would have to wait. @throws what the destination refuses with */
  async passAtOnce(traveller: Traveller, signal: AbortSignal): Promise<Passage | undefined> {
    this.#line = lineUp(this.#line, this.#ticketOf(traveller));
    this.#advance();
    if (standingIn(this.#line, traveller.id, this.#places) !== undefined) {
      this.#leave(traveller.id);
      return undefined;
    }
    const reservation = new Reservation((s) => this.#o.ask(traveller, s));
    try {
      const answer = await reservation.until(() => true, signal);
      if (answer.answer === "granted") return this.#passage(traveller, reservation);
      reservation[Symbol.dispose]();
      this.#leave(traveller.id);
      if (answer.answer === "lost") throw answer.error;
      return undefined;
    } catch (e) {
      reservation[Symbol.dispose]();
      this.#leave(traveller.id);
      throw e;
    }
  }

  /** Waits for its turn; `tell` hears what for. Throws the signal's reason, or what the destination refuses with. */
  async pass(traveller: Traveller, signal: AbortSignal, tell: (waiting: Waiting) => void): Promise<Passage> {
    this.#watchers.set(traveller.id, tell);
    let silentSince: number | undefined;
    try {
      for (;;) {
        await this.#turn(this.#ticketOf(traveller), signal);
        const reservation = new Reservation((s) => this.#o.ask(traveller, s));
        try {
          const answer = await this.#settle(traveller, reservation, signal);
          if (answer.answer === "granted") return this.#passage(traveller, reservation);
          if (answer.answer === "lost") {
            silentSince ??= performance.now();
            if (!mayPass(answer.error) || performance.now() - silentSince > SILENCE_MS) throw answer.error;
            tell({ reason: `${traveller.link} does not answer`, place: 1, waiting: 1, host: traveller.link });
          }
        } catch (e) {
          reservation[Symbol.dispose]();
          throw e;
        }
        reservation[Symbol.dispose]();
        this.#leave(traveller.id);
        await this.#chance(signal);
      }
    } catch (e) {
      this.#leave(traveller.id);
      throw e;
    } finally {
      this.#watchers.delete(traveller.id);
    }
  }

  /** For a migration that was under way when the agent ended. */
  seize(traveller: Traveller): Passage {
    this.#line = putInside(this.#line, this.#ticketOf(traveller));
    return this.#passage(traveller, undefined);
  }

  /** The destination's answer in the end: with a place there and here, or lost. */
  async #settle(traveller: Traveller, reservation: Reservation, signal: AbortSignal): Promise<Answer> {
    const first = await reservation.until(() => true, signal);
    if (first.answer !== "queued") return first;
    this.#leave(traveller.id);
    const second = await this.#waitThere(traveller, reservation, signal);
    if (second.answer !== "granted") return second;
    // The place there is ours, so the next one here is, too.
    await this.#turn({ id: traveller.id, lanes: lanesOf(traveller), rank: AT_ONCE }, signal);
    return reservation.now ?? second;
  }

  async #waitThere(traveller: Traveller, reservation: Reservation, signal: AbortSignal): Promise<Answer> {
    const { link, id } = traveller;
    const count = (by: number): void => {
      this.#aside.set(link, (this.#aside.get(link) ?? 0) + by);
      this.#advance();
    };
    const tell = (): void => {
      const { now } = reservation;
      if (now?.answer !== "queued") return;
      const reason = `${link} takes ${plural(now.limit, "incoming migration")} at once and has them`;
      this.#watchers.get(id)?.({ reason, place: now.place, waiting: now.waiting, host: link });
    };
    using _hearing = reservation.onChange(tell);
    tell();
    count(1);
    try {
      return await reservation.until((a) => a.answer === "granted", signal);
    } finally {
      count(-1);
    }
  }

  #passage(traveller: Traveller, reservation: Reservation | undefined): Passage {
    let known = 0n;
    const allowance = (): bigint => {
      const now = reservation?.now;
      // A reservation that is lost leaves the allowance as it was.
      if (now?.answer === "granted") known = now.bandwidth;
      return known;
    };
    return {
      get allowance() {
        return allowance();
      },
      onAllowance: (listener) => reservation?.onChange(listener) ?? { [Symbol.dispose]: () => undefined },
      [Symbol.dispose]: () => {
        reservation?.[Symbol.dispose]();
        this.#leave(traveller.id);
      },
    };
  }

  /** Resolves when the ticket is inside. */
  async #turn(ticket: Ticket, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const turn = Promise.withResolvers<void>();
    const stop = (): void => turn.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    this.#turns.set(ticket.id, turn.resolve);
    try {
      this.#line = lineUp(this.#line, ticket);
      this.#advance();
      await turn.promise;
    } finally {
      this.#turns.delete(ticket.id);
      signal.removeEventListener("abort", stop);
    }
  }

  #leave(id: string): void {
    this.#line = leave(this.#line, id);
    this.#advance();
  }

  #advance(): void {
    const { line, entered } = letIn(this.#line, this.#places);
    this.#line = line;
    for (const { id } of entered) this.#turns.get(id)?.();
    for (const { id } of line.waiting) this.#tell(id);
  }

  #tell(id: string): void {
    const watcher = this.#watchers.get(id);
    const standing = watcher && standingIn(this.#line, id, this.#places);
    if (standing === undefined) return;
    const { place, waiting, full } = standing;
    watcher?.({ reason: this.#reasonOf(full[0] ?? OUT), place, waiting, host: "" });
  }

  #reasonOf(lane: string): string {
    const { host, limits } = this.#o;
    if (lane === OUT)
      return `${host} makes ${plural(limits.now.outgoing, "migration")} at once and has them under way`;
    const link = lane.slice(lane.indexOf(" ") + 1);
    if (lane.startsWith("ask ")) return `others wait already for a place on ${link}`;
    return `${host} makes ${plural(limits.now.perLink, "migration")} to ${link} at once and has ${usedOf(this.#line, lane)} under way`;
  }

  readonly #places = (lane: string): number => {
    const { limits } = this.#o;
    if (lane === OUT) return limits.now.outgoing;
    if (!lane.startsWith("ask ")) return limits.now.perLink;
    return (this.#aside.get(lane.slice("ask ".length)) ?? 0) > 0 ? 0 : Number.POSITIVE_INFINITY;
  };

  #ticketOf(traveller: Traveller): Ticket {
    const rank = rankOf(traveller.sinceMs, traveller.priority);
    return { id: traveller.id, lanes: [...lanesOf(traveller), `ask ${traveller.link}`], rank };
  }

  /** Waits until some agent comes back, or a little while. */
  async #chance(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, ASK_AGAIN_MS);
    const stop = (): void => over.reject(signal.reason);
    using _hearing = this.#o.onChance(over.resolve);
    signal.addEventListener("abort", stop, { once: true });
    try {
      await over.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }
}

function lanesOf(traveller: Traveller): readonly string[] {
  return [OUT, `to ${traveller.link}`];
}

/** Whether asking again may be answered otherwise. */
function mayPass(e: VirtError): boolean {
  return e.code === "UNAVAILABLE" || e.reason === "UNKNOWN_HOST" || e.reason === "UNKNOWN_SCHEME";
}

function plural(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
