import { setTimeout as delay } from "node:timers/promises";
import type { RunToken } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import type { Call } from "@virtmesh/core/call";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { DomainUuid, Generation, HostName } from "@virtmesh/core/ids";
import { generation } from "@virtmesh/core/ids";
import type { RunTokens as Owners } from "@virtmesh/mesh/run-tokens";
import type { AgentLogger, RunTokens } from "../chassis.ts";
import type { TokenEntry, TokenJournal } from "./token-journal.ts";

export interface TokenGuardOptions {
  readonly journal: TokenJournal;
  readonly host: HostName;
  readonly hypervisor: string;
  readonly logger: AgentLogger;
  /** The bucket `owners`; absent without a mesh: the journal alone decides then. */
  readonly owners?: Pick<Owners, "claim" | "read" | "handOver" | "release" | "unfence">;
  /** Ends what is here of a guest and forgets its definition. */
  readonly endFenced?: (uuid: DomainUuid) => Promise<void>;
  /** Whether NATS can be asked at this moment. */
  readonly isConnected?: () => boolean;
  readonly signal: AbortSignal;
}

/** A guest that runs here although the bucket says that another host may. */
export interface TokenConflict {
  readonly uuid: string;
  readonly owner: string;
  readonly ownerGeneration: bigint;
}

/** Guests of this host, as they are whenever they are asked for. */
export interface KnownGuests {
  known(): readonly DomainUuid[];
  isActive(uuid: string): boolean;
  /** Resolves when the migration that holds it is over; undefined when none does. */
  whenFree(uuid: string): Promise<void> | undefined;
}

/** How long a start or a definition waits for the bucket. */
const CLAIM_TIMEOUT_MS = 3_000;
const AGAIN_MS = 1_000;
const FIRST = generation(1n);
const NONE = generation(0n);

/**
 * Decides whether a guest may run here. The journal on this host's disk is asked first, and while it says that the
 * guest is ours nobody else is asked: NATS being away stops no guest from starting on its own host.
 */
export class TokenGuard implements RunTokens, AsyncDisposable {
  readonly #options: TokenGuardOptions;
  readonly #journal: TokenJournal;
  readonly #tasks = new Set<Promise<void>>();
  readonly #conflicts = new Map<string, TokenConflict>();
  /** Guests that were held by a migration when all were compared. */
  readonly #overdue = new Set<string>();
  /** Guests that went while NATS was away, which has certainly not heard of it. */
  readonly #unsaid = new Set<string>();
  /** Guests that went and are coming back at this moment. */
  readonly #returning = new Set<string>();
  readonly #ending: Promise<void>;

  constructor(options: TokenGuardOptions) {
    const { signal } = options;
    this.#options = options;
    this.#journal = options.journal;
    this.#ending = new Promise((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Guests that run here and that the bucket gives to somebody else, as of the last comparison. */
  get conflicts(): readonly TokenConflict[] {
    return [...this.#conflicts.values()];
  }

  generationOf(uuid: string): Generation {
    const entry = this.#journal.get(uuid);
    return entry?.held ? generation(entry.generation) : NONE;
  }

  lastGenerationOf(uuid: string): Generation {
    return generation(this.#journal.get(uuid)?.generation ?? 0n);
  }

  /** Guests this host holds the token of. */
  held(): readonly { readonly uuid: string; readonly generation: bigint }[] {
    return this.#journal.list().flatMap(([uuid, e]) => (e.held ? [{ uuid, generation: e.generation }] : []));
  }

  /**
   * Before a guest is defined first, created, started or resumed. `generated`: this agent made its UUID up, so
   * nobody else can have it. Throws RUN_TOKEN_ELSEWHERE naming the owner, RUN_TOKEN_UNREACHABLE when the guest is
   * not known here and NATS cannot be asked.
   */
  async ensure(uuid: DomainUuid, generated: boolean, call: Pick<Call, "signal">): Promise<Generation> {
    const entry = this.#journal.get(uuid);
    if (entry?.held) return generation(entry.generation);
    if (entry?.releasing) return this.#comeBack(uuid, entry, call.signal);
    if (!this.#options.owners) return this.#ensureAlone(uuid, entry);
    if (generated && !this.#isConnected()) return this.#hold(uuid, FIRST, false);
    const token = await this.#claim(uuid, call.signal, generated);
    // Handed away, and the bucket was not told yet: what it says of us is older than what we know.
    if (entry && entry.elsewhere !== "" && (token?.generation ?? 0n) <= entry.generation)
      throw handedAway(uuid, entry);
    return this.#hold(uuid, token?.generation ?? FIRST, token !== undefined);
  }

  adopt(uuid: string, won: Generation): Promise<void> {
    return this.#holdAndTell(uuid, won);
  }

  async bump(uuid: string, kept: Generation): Promise<void> {
    // Said late, again at a restart perhaps, of a guest that has moved on since.
    if (this.lastGenerationOf(uuid) > kept) return;
    await this.#holdAndTell(uuid, kept);
  }

  async takeBack(uuid: string, raised: Generation, from: string): Promise<void> {
    const { owners, host, hypervisor } = this.#options;
    await owners?.handOver({
      ...{ domainUuid: uuid, host, hypervisor, generation: raised, migrationId: "" },
      fencedHosts: [from],
    });
    await this.#hold(uuid, raised, true);
  }

  async hasTakenBack(uuid: string, raised: Generation): Promise<boolean> {
    const stored = await this.#options.owners?.read(uuid as DomainUuid);
    if (stored === undefined || !this.#isOurs(stored) || stored.generation < raised) return false;
    await this.#hold(uuid, stored.generation, true);
    return true;
  }

  async surrender(
    uuid: string,
    to?: { readonly host: string; readonly generation: Generation },
  ): Promise<void> {
    const before = this.#journal.get(uuid);
    await this.#journal.set(uuid, {
      held: false,
      generation: to?.generation ?? before?.generation ?? NONE,
      published: true,
      releasing: false,
      elsewhere: to?.host ?? "",
    });
    this.#conflicts.delete(uuid);
  }

  /** The guest is not here any more: undefined, or transient and stopped. */
  async release(uuid: string): Promise<void> {
    const entry = this.#journal.get(uuid);
    this.#conflicts.delete(uuid);
    if (!entry) return;
    // Kept until the bucket says no less: whoever defines it here anew must not take an old word of the bucket for true.
    if (!entry.held && entry.elsewhere !== "" && this.#options.owners) return;
    if (!entry.held || !this.#options.owners) {
      await this.#journal.delete(uuid);
      return;
    }
    await this.#journal.set(uuid, { ...entry, held: false, releasing: true });
    if (this.#isConnected()) this.#inBackground(() => this.#tellReleased(uuid));
    else this.#unsaid.add(uuid);
  }

  /**
   * Brings journal and bucket together; for every new connection to NATS. A guest that a migration holds is left alone
   * until that is over: what is so of it in between only the migration knows. Nothing is killed.
   */
  async reconcile(guests: KnownGuests): Promise<void> {
    if (!this.#options.owners) return;
    const uuids = new Set<string>([...this.#journal.list().map(([uuid]) => uuid), ...guests.known()]);
    for (const uuid of uuids) {
      if (this.#options.signal.aborted) return;
      if (guests.whenFree(uuid) === undefined) await this.#bringTogether(uuid, guests);
      else this.#bringTogetherLater(uuid, guests);
    }
  }

  async #bringTogether(uuid: string, guests: KnownGuests): Promise<void> {
    const entry = this.#journal.get(uuid);
    if (entry?.releasing) await this.#tellReleased(uuid);
    else if (entry?.held) await this.#compare(uuid, entry, guests.isActive(uuid));
    else if (!entry) await this.#takeUnknown(uuid, guests.isActive(uuid));
    else if (entry.elsewhere !== "" && !guests.known().some((known) => known === uuid))
      await this.#forgetGone(uuid, entry);
  }

  /** There may be no other connection for days: what the migration could not tell NATS is told as it ends. */
  #bringTogetherLater(uuid: string, guests: KnownGuests): void {
    if (this.#overdue.has(uuid)) return;
    this.#overdue.add(uuid);
    this.#inBackground(async () => {
      const { signal } = this.#options;
      for (let free = guests.whenFree(uuid); free !== undefined; free = guests.whenFree(uuid)) {
        await Promise.race([free, this.#ending]);
        if (signal.aborted) return;
      }
      this.#overdue.delete(uuid);
      await this.#bringTogether(uuid, guests);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#tasks);
    await this.#journal.settled();
  }

  /**
   * Runs something to which nobody waits, until it is done: a server that stood still for a while keeps its connections,
   * so there may be no new one that would try again.
   */
  #inBackground(work: () => Promise<void>): void {
    const task = this.#guarded(work).finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    const { signal, logger } = this.#options;
    // Once in any case: an agent that ends gives back what its guests have left.
    do {
      try {
        return await work();
      } catch (e) {
        if (signal.aborted) return;
        logger.warn({ err: e }, "a run token could not be written to NATS, it is tried again");
        // Without NATS the next connection compares everything anyway.
        if (!this.#isConnected()) return;
        await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    } while (!signal.aborted);
  }

  #isConnected(): boolean {
    return this.#options.isConnected?.() ?? false;
  }

  async #ensureAlone(uuid: string, entry: TokenEntry | undefined): Promise<Generation> {
    if (entry && entry.elsewhere !== "") throw handedAway(uuid, entry);
    return this.#hold(uuid, (entry?.generation ?? 0n) + 1n, false);
  }

  async #hold(uuid: string, number: bigint, published: boolean): Promise<Generation> {
    await this.#journal.set(uuid, {
      held: true,
      generation: number,
      published,
      releasing: false,
      elsewhere: "",
    });
    return generation(number);
  }

  async #holdAndTell(uuid: string, number: Generation): Promise<void> {
    await this.#hold(uuid, number, false);
    this.#conflicts.delete(uuid);
    if (this.#options.owners && this.#isConnected()) this.#inBackground(() => this.#tellHeld(uuid));
  }

  /** undefined: not reachable, and it need not be since the UUID is our own making. */
  async #claim(
    uuid: DomainUuid,
    signal: AbortSignal,
    generated: boolean,
    above = 0n,
  ): Promise<RunToken | undefined> {
    const { owners, host, hypervisor } = this.#options;
    try {
      return await owners?.claim(uuid, host, hypervisor, { signal, timeoutMs: CLAIM_TIMEOUT_MS }, above);
    } catch (e) {
      if (generated && VirtError.is(e) && e.reason === "RUN_TOKEN_UNREACHABLE") return undefined;
      throw e;
    }
  }

  /** Writes our token unless a later one is there. */
  async #tellHeld(uuid: string): Promise<void> {
    const entry = this.#journal.get(uuid);
    if (!entry?.held) return;
    const { owners, host, hypervisor } = this.#options;
    const stored = await owners?.handOver({
      domainUuid: uuid,
      host,
      hypervisor,
      generation: entry.generation,
      migrationId: "",
      fencedHosts: [],
    });
    const now = this.#journal.get(uuid);
    if (stored && now?.held && now.generation === entry.generation && this.#isOurs(stored)) {
      await this.#journal.set(uuid, { ...now, published: true });
    }
  }

  /**
   * A guest that went and comes back before it was seen that NATS has heard of its going. If that may be on its way, the
   * token is counted up first, so that it is refused when it arrives: else another host could have the guest too.
   */
  async #comeBack(uuid: DomainUuid, entry: TokenEntry, signal: AbortSignal): Promise<Generation> {
    if (this.#unsaid.delete(uuid)) return this.#hold(uuid, entry.generation, entry.published);
    this.#returning.add(uuid);
    try {
      // Should it not come back after all, it goes under the generation that it may have got.
      await this.#journal.set(uuid, { ...entry, generation: entry.generation + 1n });
      const token = await this.#claim(uuid, signal, false, entry.generation);
      return await this.#hold(uuid, token?.generation ?? entry.generation, token !== undefined);
    } finally {
      this.#returning.delete(uuid);
      if (this.#isConnected()) this.#inBackground(() => this.#tellReleased(uuid));
    }
  }

  async #tellReleased(uuid: string): Promise<void> {
    const entry = this.#journal.get(uuid);
    // Come back meanwhile: then it is held again, and stays.
    if (!entry?.releasing || this.#returning.has(uuid)) return;
    this.#unsaid.delete(uuid);
    await this.#options.owners?.release(uuid as DomainUuid, this.#options.host, entry.generation);
    const now = this.#journal.get(uuid);
    if (now?.releasing && now.generation === entry.generation) await this.#journal.delete(uuid);
  }

  async #compare(uuid: string, entry: TokenEntry, active: boolean): Promise<void> {
    const stored = await this.#options.owners?.read(uuid as DomainUuid);
    if (!stored || stored.generation < entry.generation) {
      // The bucket lost it, or was never told.
      await this.#tellHeld(uuid);
    } else if (this.#isOurs(stored)) {
      this.#conflicts.delete(uuid);
      if (!entry.published || stored.generation > entry.generation)
        await this.#hold(uuid, stored.generation, true);
    } else if (stored.fencedHosts.includes(this.#options.host)) {
      await this.#endFenced(uuid, stored);
    } else if (active) {
      this.#report(uuid, stored);
    } else {
      await this.surrender(uuid, { host: stored.host, generation: generation(stored.generation) });
      this.#options.logger.warn(
        { domain: uuid, owner: stored.host, generation: String(stored.generation) },
        "a guest that is off here belongs to another host by now, it will not be started here",
      );
    }
  }

  /** A guest that was handed away and is not defined here any more: once the bucket knows it, the journal need not. */
  async #forgetGone(uuid: string, entry: TokenEntry): Promise<void> {
    const stored = await this.#options.owners?.read(uuid as DomainUuid);
    if (stored !== undefined && stored.generation >= entry.generation) await this.#journal.delete(uuid);
  }

  /** A guest whose token the journal does not know: a new state directory, or one that was there before us. */
  async #takeUnknown(uuid: string, active: boolean): Promise<void> {
    try {
      const token = await this.#claim(uuid as DomainUuid, this.#options.signal, false);
      if (token) await this.#hold(uuid, token.generation, true);
    } catch (e) {
      if (!VirtError.is(e) || e.reason !== "RUN_TOKEN_ELSEWHERE") throw e;
      const stored = await this.#options.owners?.read(uuid as DomainUuid);
      if (stored?.fencedHosts.includes(this.#options.host)) await this.#endFenced(uuid, stored);
      else if (active && stored) this.#report(uuid, stored);
      else this.#options.logger.info({ domain: uuid }, messageOf(e));
    }
  }

  /** Taken back while this host was off: whatever is here of the guest is stale, and ends before it can do harm. */
  async #endFenced(uuid: string, stored: RunToken): Promise<void> {
    this.#options.logger.warn(
      { domain: uuid, owner: stored.host, generation: String(stored.generation) },
      "a guest was taken back while this host was off, its copy here is ended",
    );
    await this.#options.endFenced?.(uuid as DomainUuid);
    await this.surrender(uuid, { host: stored.host, generation: generation(stored.generation) });
    await this.#options.owners?.unfence(uuid as DomainUuid, this.#options.host);
  }

  #isOurs(token: RunToken): boolean {
    return token.host === this.#options.host && token.hypervisor === this.#options.hypervisor;
  }

  #report(uuid: string, stored: RunToken): void {
    this.#conflicts.set(uuid, { uuid, owner: stored.host, ownerGeneration: stored.generation });
    this.#options.logger.error(
      {
        domain: uuid,
        owner: stored.host,
        generation: String(stored.generation),
        ours: String(this.lastGenerationOf(uuid)),
      },
      "a guest runs here although it belongs to another host: stop one of the two now, its disks are in danger",
    );
  }
}

function handedAway(uuid: string, entry: TokenEntry): VirtError {
  return new VirtError(
    "RUN_TOKEN_ELSEWHERE",
    `guest ${uuid} was handed to host ${entry.elsewhere} (generation ${entry.generation}); migrate it here or undefine it there`,
    { metadata: { domain: uuid, owner_host: entry.elsewhere, generation: entry.generation.toString() } },
  );
}
