import type { ReserveResponse } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { VirtError } from "@virtmesh/core/errors";
import {
  EMPTY_LINE,
  leave,
  letIn,
  type Line,
  lineUp,
  putInside,
  standingIn,
} from "@virtmesh/core/traffic/line";
import type { Cordon } from "../cordon/cordon.ts";
import type { LimitsStore } from "./limits.ts";

const LANE = "incoming";

/** A source that wants a place. */
export interface Asking {
  readonly migrationId: string;
  readonly rank: number;
}

/**
 * The places of this host for incoming migrations. A source asks for one before it offers a guest and waits here for
 * its turn, without holding anything of its own: so two hosts that migrate to each other cannot block each other. What
 * is offered without a place is refused when there is none free.
 */
export class IncomingGate {
  readonly #limits: LimitsStore;
  readonly #cordon: Cordon;
  readonly #host: string;
  readonly #listeners = new Set<() => void>();
  /** The migration of each ticket. */
  readonly #migrations = new Map<string, string>();
  /** Tickets that belong to a migration under way, whatever becomes of who asked for them. */
  readonly #claimed = new Set<string>();
  #line: Line = EMPTY_LINE;
  #count = 0;

  constructor(host: string, limits: LimitsStore, cordon: Cordon) {
    this.#host = host;
    this.#limits = limits;
    this.#cordon = cordon;
    // As long as the agent lives, which both belong to.
    limits.onChange(() => this.#advance());
    cordon.onChange(() => this.#advance());
  }

  get running(): number {
    return this.#line.inside.length;
  }

  get waiting(): number {
    return this.#line.waiting.length;
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Says how the asking stands, at once and at every change, until `signal` is aborted. The place is given back at the
   * end unless a migration has claimed it. @throws HOST_CORDONED
   */
  async *reserve(asking: Asking, signal: AbortSignal): AsyncGenerator<ReserveResponse, void, undefined> {
    const ticket = this.#take(asking.migrationId, asking.rank);
    let changed = Promise.withResolvers<void>();
    using _hearing = this.onChange(() => changed.resolve());
    const stop = (): void => changed.resolve();
    signal.addEventListener("abort", stop, { once: true });
    try {
      this.#advance();
      let said = "";
      while (!signal.aborted) {
        changed = Promise.withResolvers<void>();
        const answer = this.#answer(ticket);
        const text = JSON.stringify(answer, (_key, value: unknown) =>
          typeof value === "bigint" ? String(value) : value,
        );
        if (text !== said) yield answer;
        else if (!signal.aborted) await changed.promise;
        said = text;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      if (!this.#claimed.has(ticket)) this.#leave(ticket);
    }
  }

  /** A migration is offered: it has the place that was asked for, or one that nobody waits for. @throws LIMIT_REACHED */
  claim(migrationId: string): Disposable {
    const reserved = this.#line.inside.find((t) => this.#migrations.get(t.id) === migrationId);
    const ticket = reserved?.id ?? this.#take(migrationId, Number.POSITIVE_INFINITY);
    this.#claimed.add(ticket);
    this.#advance();
    if (!this.#line.inside.some((t) => t.id === ticket)) {
      this.#leave(ticket);
      const { incoming } = this.#limits.now;
      throw new VirtError(
        "LIMIT_REACHED",
        `${this.#host} takes ${incoming} incoming migrations at once and has them; ask for a place and wait for it`,
        { metadata: { host: this.#host, limit: String(incoming) }, retryAfterMs: 1000 },
      );
    }
    return { [Symbol.dispose]: () => this.#leave(ticket) };
  }

  /** For a migration that was under way when the agent ended. */
  seize(migrationId: string): Disposable {
    const ticket = this.#name(migrationId);
    this.#line = putInside(this.#line, { id: ticket, lanes: [LANE], rank: 0 });
    this.#claimed.add(ticket);
    return { [Symbol.dispose]: () => this.#leave(ticket) };
  }

  readonly #places = (): number => this.#limits.now.incoming;

  #answer(ticket: string): ReserveResponse {
    const standing = standingIn(this.#line, ticket, this.#places);
    if (standing === undefined) {
      const { incomingBandwidth } = this.#limits.now;
      const share = incomingBandwidth / BigInt(Math.max(1, this.#line.inside.length));
      const bandwidthBytesPerSecond = incomingBandwidth === 0n ? 0n : share === 0n ? 1n : share;
      return { message: { $case: "granted", value: { bandwidthBytesPerSecond } } };
    }
    this.#cordon.check();
    const { place, waiting } = standing;
    return { message: { $case: "queued", value: { place, waiting, limit: this.#limits.now.incoming } } };
  }

  #name(migrationId: string): string {
    this.#count += 1;
    const ticket = `${migrationId} ${this.#count}`;
    this.#migrations.set(ticket, migrationId);
    return ticket;
  }

  #take(migrationId: string, rank: number): string {
    this.#cordon.check();
    const ticket = this.#name(migrationId);
    this.#line = lineUp(this.#line, { id: ticket, lanes: [LANE], rank });
    return ticket;
  }

  #leave(ticket: string): void {
    this.#claimed.delete(ticket);
    if (!this.#migrations.delete(ticket)) return;
    this.#line = leave(this.#line, ticket);
    this.#advance();
  }

  #advance(): void {
    this.#line = letIn(this.#line, this.#places).line;
    for (const listener of [...this.#listeners]) listener();
  }
}
