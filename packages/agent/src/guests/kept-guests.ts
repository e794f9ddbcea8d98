import type { Call } from "@virtmesh/core/call";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { DefinitionStore } from "./definition-store.ts";
import { EventFeed } from "./event-feed.ts";
import type { KeptGuest } from "./kept-guest.ts";
import { GuestRegistry } from "./registry.ts";

/** The guests of a host whose agent keeps their definitions: on disk, at hand, and told of when they change. */
export abstract class KeptGuests<G extends KeptGuest> extends GuestRegistry<G> {
  readonly events = new EventFeed();
  readonly #definitions: DefinitionStore;

  /** `word`: what they are called in messages. */
  constructor(word: string, definitions: DefinitionStore) {
    super(word);
    this.#definitions = definitions;
  }

  /** One that nobody sees before it has started. */
  abstract candidate(definition: IdentifiedDomain): G;

  /** @throws HYPERVISOR_FAILED; then nothing of it is left */
  abstract start(
    guest: G,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean },
    c: Call,
  ): Promise<void>;

  /** Ends a guest at once; resolves when nothing of the run is left. */
  abstract destroy(guest: G, c?: Call): Promise<void>;

  /** One that was stored before the agent started. */
  load(definition: IdentifiedDomain, autostart: boolean): void {
    const guest = this.add(this.candidate(definition));
    guest.persistent = definition;
    guest.autostart = autostart;
  }

  async define(definition: IdentifiedDomain, c?: Call): Promise<G> {
    this.checkFree(definition.uuid, definition.name);
    await this.#definitions.save(definition);
    const guest = this.get(definition.uuid) ?? this.add(this.candidate(definition));
    const detail = guest.persistent === undefined ? "added" : "updated";
    guest.persistent = definition;
    await this.during(guest, c, async () => this.events.lifecycle(guest, "defined", detail));
    return guest;
  }

  /** One that runs goes on as a transient one. */
  async undefine(guest: G, c?: Call): Promise<void> {
    await this.#definitions.remove(guest.uuid);
    guest.persistent = undefined;
    guest.autostart = false;
    if (guest.run === undefined) this.remove(guest);
    await this.during(guest, c, async () => this.events.lifecycle(guest, "undefined", "removed"));
  }

  async setAutostart(guest: G, autostart: boolean): Promise<void> {
    await this.#definitions.setAutostart(guest.uuid, autostart);
    guest.autostart = autostart;
  }

  /** Tells how much the guest has from now on. */
  async tellSize(guest: G, c: Call): Promise<void> {
    const { memoryBytes, maxMemoryBytes, vcpus } = guest.info;
    await this.during(guest, c, async () =>
      this.events.emit(guest, { kind: "resource", memoryBytes, maxMemoryBytes, vcpus }),
    );
  }

  /** Runs work whose events carry the caller's name. */
  async during<T>(guest: G, c: Call | undefined, work: () => Promise<T>): Promise<T> {
    guest.cause = c;
    try {
      return await work();
    } finally {
      guest.cause = undefined;
    }
  }
}
