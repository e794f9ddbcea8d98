import { EventFeed } from "@virtmesh/agent/guests/event-feed";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, parseUuid } from "@virtmesh/core/ids";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { keyOf, type Reference } from "../vim/encode.ts";
import type { ObjectUpdate, UpdateSink } from "../vim/updates.ts";
import { type Facts, readFacts } from "./facts.ts";
import { Guest } from "./guest.ts";
import { patched, type Properties } from "./patch.ts";
import { startingWith } from "./starting-with.ts";
import { happenings } from "./story.ts";

/** How long the stream may be behind an answer before it counts as broken. */
const STREAM_LAG_MS = 30_000;

/**
 * The guests of the host as the server's stream of changes tells of them, and what that means as events. Nothing else
 * changes what is known: a call that has changed something waits until the stream has told it.
 */
export class Guests implements UpdateSink {
  readonly events = new EventFeed();
  readonly #logger: MeshLogger;
  /** Everything that the server has told, guests or not, by object. */
  readonly #told = new Map<string, { readonly update: ObjectUpdate["object"]; properties: Properties }>();
  /** By object. */
  readonly #guests = new Map<string, Guest>();
  readonly #dirty = new Set<string>();
  readonly #waiters = new Set<() => void>();
  /** Guests whose changes are told when the call that makes them has ended: it makes several for one. */
  readonly #held = new Set<DomainUuid>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #causes = new Map<DomainUuid, Call>();
  readonly #onNumbers: (uuids: Iterable<DomainUuid>) => void;
  /** Of which there are new numbers since they were last said. */
  readonly #numbers = new Set<string>();
  #syncs: "never" | "again" | "done" = "never";
  #home: Reference | undefined;

  /** `onNumbers` hears which guests the server has new numbers of, or that began to run. */
  constructor(logger: MeshLogger, onNumbers: (uuids: Iterable<DomainUuid>) => void) {
    this.#logger = logger;
    this.#onNumbers = onNumbers;
  }

  /** Guests elsewhere are none of ours, though the server may tell of one that left. */
  frontHost(home: Reference): void {
    this.#home = home;
  }

  /** Resolves when all guests are known. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  all(): readonly Guest[] {
    return [...this.#guests.values()];
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

  /** What the server last told of an object, which need not be a guest. */
  told(object: Reference): Properties {
    return this.#told.get(keyOf(object))?.properties ?? new Map();
  }

  /** A change of one guest: what it causes is told as the caller's. `held`: as one change, at its end. */
  async during<T>(uuid: DomainUuid, c: Call, work: () => Promise<T>, held = false): Promise<T> {
    const guest = this.find(uuid);
    if (guest !== undefined) guest.cause = c;
    this.#causes.set(uuid, c);
    if (held) this.#held.add(uuid);
    try {
      return await work();
    } finally {
      this.#held.delete(uuid);
      this.#publish();
      this.#causes.delete(uuid);
      const now = this.find(uuid);
      if (now !== undefined) [now.cause, now.intent] = [undefined, undefined];
    }
  }

  /** Nothing is told of a guest from here on, and what is known of it stays, until this is disposed. */
  hold(uuid: DomainUuid, c: Call): Disposable {
    this.#held.add(uuid);
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        // The next hold of the same guest is another one's.
        if (isOver) return;
        isOver = true;
        this.#held.delete(uuid);
        this.#causes.set(uuid, c);
        this.#publish();
        this.#causes.delete(uuid);
        const now = this.find(uuid);
        if (now !== undefined) now.cause = undefined;
      },
    };
  }

  /** Resolves when what the server has told of a guest is as it should be; `undefined` when it has none of that UUID. */
  async until(
    uuid: DomainUuid,
    isSo: (facts: Facts | undefined) => boolean,
    c: Call,
    lagMs = STREAM_LAG_MS,
  ): Promise<void> {
    const signal =
      lagMs === Number.POSITIVE_INFINITY ? c.signal : AbortSignal.any([c.signal, AbortSignal.timeout(lagMs)]);
    const reached = Promise.withResolvers<void>();
    const look = (): void => {
      if (isSo(this.#factsOf(uuid))) reached.resolve();
    };
    const stop = (): void => {
      const late = `the change of guest ${uuid} was made, and the server has not told of it for ${STREAM_LAG_MS / 1000} s; look at it again later`;
      reached.reject(c.signal.aborted ? c.signal.reason : new VirtError("HYPERVISOR_UNRESPONSIVE", late));
    };
    this.#waiters.add(look);
    signal.addEventListener("abort", stop, { once: true });
    try {
      look();
      if (signal.aborted) stop();
      await reached.promise;
    } finally {
      this.#waiters.delete(look);
      signal.removeEventListener("abort", stop);
    }
  }

  restart(): void {
    this.#told.clear();
    this.#dirty.clear();
    if (this.#syncs === "done") this.#syncs = "again";
  }

  update({ kind, object, changes }: ObjectUpdate): void {
    const key = keyOf(object);
    this.#dirty.add(key);
    if (changes.some(({ path }) => /^(summary\.quickStats|runtime\.powerState)/.test(path)))
      this.#numbers.add(key);
    if (kind === "leave") {
      this.#told.delete(key);
      return;
    }
    const before = this.#told.get(key)?.properties ?? new Map();
    const properties = changes.reduce<Properties>((all, each) => patched(all, each.path, each.value), before);
    this.#told.set(key, { update: object, properties });
  }

  synced(): void {
    if (this.#syncs !== "done") for (const key of this.#guests.keys()) this.#dirty.add(key);
    this.#publish();
    this.#syncs = "done";
    this.#ready.resolve();
    this.#sayNumbers();
    for (const look of [...this.#waiters]) look();
  }

  interrupted(err: unknown): void {
    this.#logger.warn({ err }, "the server's stream of changes is away; it is tried again");
  }

  #sayNumbers(): void {
    const uuids = [...this.#numbers].flatMap((key) => this.#guests.get(key)?.uuid ?? []);
    this.#numbers.clear();
    if (uuids.length > 0) this.#onNumbers(uuids);
  }

  #publish(): void {
    for (const key of [...this.#dirty]) {
      const facts = this.#read(key);
      const guest = this.#guests.get(key);
      const uuid = guest?.uuid ?? facts?.definition.uuid;
      if (uuid !== undefined && this.#held.has(uuid)) continue;
      this.#dirty.delete(key);
      if (uuid !== undefined) this.#become(key, guest, facts);
    }
    const starting = startingWith(this.#home && this.told(this.#home));
    for (const guest of this.#guests.values()) guest.autostart = starting.has(guest.object.value);
  }

  #become(key: string, known: Guest | undefined, facts: Facts | undefined): void {
    const before = known?.facts;
    const guest = known ?? (facts && new Guest(facts));
    if (guest === undefined) return;
    if (facts === undefined) this.#guests.delete(key);
    else {
      guest.facts = facts;
      this.#guests.set(key, guest);
    }
    guest.cause ??= this.#causes.get(guest.uuid);
    if (guest.seenRunningMs === 0 && facts?.power === "poweredOn") guest.seenRunningMs = Date.now();
    if (this.#syncs === "never") return;
    for (const happening of happenings(before, facts, guest.intent, this.#syncs === "done")) {
      guest.last = happening.type === "defined" ? guest.last : happening;
      if (happening.type === "stopped") guest.seenRunningMs = 0;
      this.events.lifecycle(guest, happening.type, happening.detail, { reconciled: this.#syncs === "again" });
    }
  }

  #factsOf(uuid: DomainUuid): Facts | undefined {
    for (const key of this.#told.keys()) {
      const known = this.#guests.get(key);
      if (known !== undefined && known.uuid !== uuid) continue;
      const facts = known !== undefined && !this.#dirty.has(key) ? known.facts : this.#read(key);
      if (facts?.definition.uuid === uuid) return facts;
    }
    return undefined;
  }

  #read(key: string): Facts | undefined {
    const told = this.#told.get(key);
    try {
      const facts = told && readFacts(told.update, told.properties);
      return facts?.host === this.#home?.value ? facts : undefined;
    } catch (err) {
      this.#logger.error({ err, object: key }, "a guest cannot be understood and is left aside");
      return undefined;
    }
  }
}
