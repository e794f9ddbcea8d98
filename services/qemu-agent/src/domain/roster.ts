import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, parseUuid } from "@virtmesh/core/ids";
import type { Guest } from "./guest.ts";

/**
 * Who is known on this host, by UUID and by name. A guest on its way in is kept apart: nobody but the migration sees it until
 * it is adopted.
 */
export class Roster {
  readonly #guests = new Map<DomainUuid, Guest>();
  readonly #names = new Map<string, Guest>();
  readonly #incoming = new Map<DomainUuid, Guest>();

  all(): readonly Guest[] {
    return [...this.#guests.values()];
  }

  get(uuid: DomainUuid): Guest | undefined {
    return this.#guests.get(uuid);
  }

  byName(name: string): Guest | undefined {
    return this.#names.get(name);
  }

  /** By UUID or name. */
  find(ref: string): Guest | undefined {
    const uuid = parseUuid(ref);
    return (uuid === undefined ? undefined : this.#guests.get(uuid as DomainUuid)) ?? this.#names.get(ref);
  }

  /** @throws DOMAIN_NOT_FOUND */
  require(uuid: DomainUuid): Guest {
    const guest = this.#guests.get(uuid);
    if (guest) return guest;
    throw new VirtError("DOMAIN_NOT_FOUND", `there is no guest with the UUID ${uuid} on this host`, {
      resource: { type: "domain", name: uuid },
    });
  }

  /** A guest on its way in. */
  incoming(uuid: DomainUuid): Guest | undefined {
    return this.#incoming.get(uuid);
  }

  allIncoming(): readonly Guest[] {
    return [...this.#incoming.values()];
  }

  /** @throws DOMAIN_EXISTS when the name is another guest's, or the UUID one's of another name. */
  checkFree(uuid: DomainUuid, name: string): void {
    for (const known of [this.#guests.get(uuid), this.#names.get(name)]) {
      if (known === undefined || (known.uuid === uuid && known.name === name)) continue;
      const taken =
        known.uuid === uuid
          ? `the UUID ${uuid} belongs to guest "${known.name}" already`
          : `guest "${name}" exists already, with the UUID ${known.uuid}`;
      throw exists(`${taken}; undefine it first or choose another name`, name);
    }
    for (const guest of this.#incoming.values()) {
      if (guest.uuid === uuid || guest.name === name) {
        throw exists(`guest "${guest.name}" is on its way in by a migration`, name);
      }
    }
  }

  protected register(guest: Guest): Guest {
    this.#guests.set(guest.uuid, guest);
    this.#names.set(guest.name, guest);
    return guest;
  }

  protected unregister(guest: Guest): void {
    if (this.#guests.get(guest.uuid) === guest) this.#guests.delete(guest.uuid);
    if (this.#names.get(guest.name) === guest) this.#names.delete(guest.name);
  }

  protected registerIncoming(guest: Guest): void {
    this.#incoming.set(guest.uuid, guest);
  }

  protected unregisterIncoming(guest: Guest): void {
    if (this.#incoming.get(guest.uuid) === guest) this.#incoming.delete(guest.uuid);
  }
}

export function exists(message: string, name: string): VirtError {
  return new VirtError("DOMAIN_EXISTS", message, { resource: { type: "domain", name } });
}
