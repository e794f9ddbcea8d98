import { EventFeed } from "@virtmesh/agent/guests/event-feed";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, parseUuid } from "@virtmesh/core/ids";
import { type Facts, isOlder, livingAs, type System, withSystem } from "./facts.ts";
import { Guest } from "./guest.ts";
import { happenings, type Intent } from "./story.ts";

/** How long the events may be behind an answer before they count as broken. */
const LAG_MS = 30_000;

/** What the host has told of a guest that nothing is to be told of. */
interface News {
  readonly key: string;
  readonly facts: Facts | undefined;
  readonly reconciled: boolean;
}

interface Frozen {
  news: News | undefined;
}

/** The guests of the host as it has described them, and what that means as events. */
export class Guests {
  readonly events = new EventFeed();
  /** By Hyper-V's own GUID. */
  readonly #guests = new Map<string, Guest>();
  readonly #waiters = new Set<() => void>();
  readonly #causes = new Map<DomainUuid, Call>();
  /** Guests whose changes are told when the call that makes them has ended, with what they were before it. */
  readonly #held = new Map<DomainUuid, Facts | undefined>();
  /** Guests on their way between hosts: what is known of them stays. */
  readonly #frozen = new Map<DomainUuid, Frozen>();
  #readings = 0;
  /** The last reading that counted, by Hyper-V's own GUID. */
  readonly #latest = new Map<string, number>();
  #known = false;

  all(): readonly Guest[] {
    return [...this.#guests.values()];
  }

  byKey(key: string): Guest | undefined {
    return this.#guests.get(key.toUpperCase());
  }

  find(ref: string): Guest | undefined {
    const uuid = parseUuid(ref);
    const all = this.all();
    return all.find((guest) => guest.uuid === uuid) ?? all.find((guest) => guest.name === ref);
  }

  /** @throws DOMAIN_NOT_FOUND */
  require(uuid: DomainUuid): Guest {
    const found = this.find(uuid);
    if (found !== undefined) return found;
    throw new VirtError("DOMAIN_NOT_FOUND", `there is no guest ${uuid} on this host`, {
      resource: { type: "domain", name: uuid },
    });
  }

  /** A change of one guest: what it causes is told as the caller's. `held`: as one change, at its end. */
  async during<T>(uuid: DomainUuid, c: Call, work: () => Promise<T>, held = false): Promise<T> {
    const guest = this.find(uuid);
    if (guest !== undefined) guest.cause = c;
    this.#causes.set(uuid, c);
    if (held) this.#held.set(uuid, guest?.facts);
    try {
      return await work();
    } finally {
      const now = this.find(uuid) ?? guest;
      if (held) {
        const before = this.#held.get(uuid);
        this.#held.delete(uuid);
        if (now !== undefined) this.#tell(now, before, this.find(uuid)?.facts, false);
      }
      this.#causes.delete(uuid);
      if (now !== undefined) [now.cause, now.intent] = [undefined, undefined];
    }
  }

  /** Nothing is told of a guest from here on, and what is known of it stays, until this is disposed. */
  hold(uuid: DomainUuid, c: Call): Disposable {
    const frozen: Frozen = { news: undefined };
    this.#frozen.set(uuid, frozen);
    return {
      [Symbol.dispose]: () => {
        // The next hold of the same guest is another one's.
        if (this.#frozen.get(uuid) !== frozen) return;
        this.#frozen.delete(uuid);
        if (frozen.news === undefined) return;
        const { key, facts, reconciled } = frozen.news;
        this.#causes.set(uuid, c);
        this.#set(key, facts, reconciled, "migrate");
        this.#causes.delete(uuid);
        const now = this.find(uuid);
        if (now !== undefined) [now.cause, now.intent] = [undefined, undefined];
        this.#look();
      },
    };
  }

  /** Resolves when what the host has told of a guest is as it should be; `undefined` when there is none of that UUID. */
  async until(
    uuid: DomainUuid,
    isSo: (facts: Facts | undefined) => boolean,
    c: Call,
    lagMs = LAG_MS,
  ): Promise<void> {
    const signal = AbortSignal.any([c.signal, AbortSignal.timeout(lagMs)]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      const frozen = this.#frozen.get(uuid)?.news;
      if (isSo(frozen === undefined ? this.find(uuid)?.facts : frozen.facts)) resolve();
    };
    const stop = (): void => {
      const late = `the change of guest ${uuid} was made, and the host has not told of it for ${lagMs / 1000} s; look at it again later`;
      reject(c.signal.aborted ? c.signal.reason : new VirtError("HYPERVISOR_UNRESPONSIVE", late));
    };
    this.#waiters.add(look);
    signal.addEventListener("abort", stop, { once: true });
    try {
      look();
      if (signal.aborted) stop();
      await promise;
    } finally {
      this.#waiters.delete(look);
      signal.removeEventListener("abort", stop);
    }
  }

  /** All guests there are: what changed while nobody listened is told as found. */
  become(all: readonly Facts[]): void {
    const keys = new Set(all.map(({ key }) => key));
    for (const key of [...this.#guests.keys()]) if (!keys.has(key)) this.#set(key, undefined, true);
    for (const facts of all) this.#set(facts.key, facts, true);
    for (const frozen of this.#frozen.values())
      if (frozen.news !== undefined && !keys.has(frozen.news.key))
        frozen.news = { ...frozen.news, facts: undefined };
    for (const key of this.#latest.keys()) if (!keys.has(key)) this.#latest.delete(key);
    this.#known = true;
    this.#look();
  }

  /**
   * Somebody begins to read a guest, and calls what this gives with what it was; undefined when it is gone. What began
   * earlier and took longer may be older than what is known, and does not count then.
   */
  beginReading(key: string): (facts: Facts | undefined) => void {
    const own = key.toUpperCase();
    this.#readings += 1;
    const number = this.#readings;
    return (facts) => {
      if ((this.#latest.get(own) ?? 0) > number) return;
      this.#latest.set(own, number);
      this.#set(own, facts, false);
      this.#look();
    };
  }

  /** The state of a guest as an event tells it. */
  told(system: System): void {
    const guest = this.byKey(system.Name ?? "");
    if (guest === undefined || isOlder(system, guest.facts.system)) return;
    this.#set(guest.key, withSystem(guest.facts, system), false);
    this.#look();
  }

  #look(): void {
    for (const look of [...this.#waiters]) look();
  }

  /** Of a guest that is on its way. */
  #frozenOf(key: string, facts: Facts | undefined): Frozen | undefined {
    const uuid = this.#guests.get(key)?.uuid ?? facts?.definition.uuid;
    if (uuid !== undefined) return this.#frozen.get(uuid);
    return [...this.#frozen.values()].find(({ news }) => news?.key === key);
  }

  #set(key: string, told: Facts | undefined, reconciled: boolean, intent?: Intent): void {
    const known = this.#guests.get(key);
    const frozen = this.#frozenOf(key, told);
    const last = frozen?.news === undefined ? known?.facts : frozen.news.facts;
    const facts = told && livingAs(last, told);
    if (frozen !== undefined) {
      frozen.news = { key, facts, reconciled };
      return;
    }
    // Somebody took our line out of its notes: to everybody else it is another guest from now on.
    if (known !== undefined && facts !== undefined && facts.definition.uuid !== known.uuid) {
      this.#set(key, undefined, reconciled);
      this.#set(key, facts, reconciled);
      return;
    }
    const before = known?.facts;
    const guest = known ?? (facts && new Guest(facts));
    if (guest === undefined) return;
    if (facts === undefined) this.#guests.delete(key);
    else {
      guest.facts = facts;
      this.#guests.set(key, guest);
    }
    guest.cause ??= this.#causes.get(guest.uuid);
    if (intent !== undefined) guest.intent = intent;
    if (!guest.active) guest.startTimeMs = 0;
    else if (guest.startTimeMs === 0) guest.startTimeMs = Date.now() - guest.facts.onTimeMs;
    if (this.#known && !this.#held.has(guest.uuid)) this.#tell(guest, before, facts, reconciled);
  }

  #tell(guest: Guest, before: Facts | undefined, after: Facts | undefined, reconciled: boolean): void {
    for (const happening of happenings(before, after, guest.intent)) {
      guest.last = happening.type === "defined" ? guest.last : happening;
      this.events.lifecycle(guest, happening.type, happening.detail, { reconciled });
    }
  }
}
