import type { DomainUuid } from "@virtmesh/core/ids";
import type { Guest } from "../guests/guest.ts";
import type { EsxServer } from "../server.ts";
import { keyOf } from "../vim/encode.ts";
import { childrenOf, textAt } from "../vim/node.ts";
import { propertiesOf } from "../vim/retrieve.ts";
import { type CounterIds, counterIds, querySpec, type Totals, withSamples } from "./counters.ts";

/** Guests asked about in one call. */
const AT_ONCE = 100;
/** A server that is slower than that is asked again at the next numbers. */
const SILENCE_MS = 10_000;

/**
 * Counters of the guests that run. The server does not tell them, it is asked for those of many guests together; when to ask
 * it says itself, by new numbers of a guest in the stream of changes.
 */
export class Performance {
  readonly #server: EsxServer;
  readonly #totals = new Map<DomainUuid, Totals>();
  readonly #wanted = new Set<DomainUuid>();
  #ids: CounterIds | undefined;
  #asking: Promise<void> | undefined;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  totalsOf({ uuid, facts }: Guest): Totals | undefined {
    return facts.power === "poweredOn" ? this.#totals.get(uuid) : undefined;
  }

  /** There is something new of these guests. Resolves when it is known, or the server has not answered. */
  async ask(uuids: Iterable<DomainUuid>): Promise<void> {
    for (const uuid of uuids) this.#wanted.add(uuid);
    this.#asking ??= this.#askAll().finally(() => (this.#asking = undefined));
    await this.#asking;
  }

  async #askAll(): Promise<void> {
    const { guests, signal, logger } = this.#server;
    while (this.#wanted.size > 0 && !signal.aborted) {
      const next = [...this.#wanted].slice(0, AT_ONCE);
      for (const uuid of next) this.#wanted.delete(uuid);
      const running = next.flatMap((uuid) => {
        const guest = guests.find(uuid);
        if (guest?.facts.power === "poweredOn") return [guest];
        this.#totals.delete(uuid);
        return [];
      });
      try {
        if (running.length > 0) await this.#query(running);
      } catch (err) {
        if (signal.aborted) return;
        logger.warn({ err }, "the counters of guests could not be read; those known stay as they are");
      }
    }
  }

  async #query(running: readonly Guest[]): Promise<void> {
    const { session, signal } = this.#server;
    const manager = session.manager("perfManager");
    this.#ids ??= counterIds(
      (await propertiesOf(session, manager, ["perfCounter"], { signal })).get("perfCounter"),
    );
    const ids = this.#ids;
    const byObject = new Map(running.map((guest) => [keyOf(guest.object), guest]));
    const specs = running.map(({ uuid, object, facts }) =>
      querySpec(object, facts.config, ids, this.#totals.get(uuid)),
    );
    const answer = await session.call(
      "QueryPerf",
      manager,
      { querySpec: specs },
      {
        signal,
        silenceMs: SILENCE_MS,
      },
    );
    for (const metric of childrenOf(answer, "returnval")) {
      const guest = byObject.get(`VirtualMachine:${textAt(metric, "entity") ?? ""}`);
      if (guest === undefined) continue;
      this.#totals.set(guest.uuid, withSamples(this.#totals.get(guest.uuid), metric, ids));
    }
  }
}
