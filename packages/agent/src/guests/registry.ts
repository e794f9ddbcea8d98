import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, parseUuid } from "@virtmesh/core/ids";

interface Named {
  readonly uuid: DomainUuid;
  readonly name: string;
}

/** The guests of a host, each found by its UUID and by its name. */
export class GuestRegistry<G extends Named> {
  readonly #word: string;
  readonly #guests = new Map<DomainUuid, G>();
  readonly #names = new Map<string, G>();

  /** `word`: what they are called in messages. */
  constructor(word: string) {
    this.#word = word;
  }

  all(): readonly G[] {
    return [...this.#guests.values()];
  }

  get(uuid: DomainUuid): G | undefined {
    return this.#guests.get(uuid);
  }

  /** By UUID or name. */
  find(ref: string): G | undefined {
    const uuid = parseUuid(ref);
    return (uuid === undefined ? undefined : this.#guests.get(uuid as DomainUuid)) ?? this.#names.get(ref);
  }

  /** @throws DOMAIN_NOT_FOUND */
  require(uuid: DomainUuid): G {
    const guest = this.#guests.get(uuid);
    if (guest) return guest;
    throw new VirtError("DOMAIN_NOT_FOUND", `there is no ${this.#word} with the UUID ${uuid} on this host`, {
      resource: { type: "domain", name: uuid },
    });
  }

  /** @throws DOMAIN_EXISTS when the name is another's, or the UUID one's of another name */
  checkFree(uuid: DomainUuid, name: string): void {
    for (const known of [this.#guests.get(uuid), this.#names.get(name)]) {
      if (known === undefined || (known.uuid === uuid && known.name === name)) continue;
      throw new VirtError(
        "DOMAIN_EXISTS",
        `${this.#word} "${known.name}" with the UUID ${known.uuid} exists already; undefine it first or choose another name`,
        { resource: { type: "domain", name } },
      );
    }
  }

  /** Does nothing for one that is there. */
  add(guest: G): G {
    this.#guests.set(guest.uuid, guest);
    this.#names.set(guest.name, guest);
    return guest;
  }

  remove(guest: G): void {
    this.#guests.delete(guest.uuid);
    this.#names.delete(guest.name);
  }
}
