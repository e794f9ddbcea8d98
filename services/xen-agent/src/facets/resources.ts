import { changeGuest } from "@virtmesh/agent/guests/change";
import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { withMaxMemory, withMaxVcpus, withMemory, withVcpus } from "@virtmesh/documents/domain/sizes";
import type { Guests } from "../guests/guests.ts";
import { refusal } from "../guests/launch.ts";
import { xl } from "../xl/xl.ts";

const MIB = 1n << 20n;

/**
 * Memory and processors of guests. Xen sets what a guest should have, and its system follows when it does: there is no
 * word from it, so a change has happened when Xen has taken it.
 */
export class XenResources implements ResourceFacet {
  readonly #guests: Guests;

  constructor(guests: Guests) {
    this.#guests = guests;
  }

  setMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const mib = (bytes + MIB - 1n) / MIB;
    return this.#change(
      uuid,
      scope,
      c,
      (id) => ["mem-set", id, `${mib}m`],
      (definition) => withMemory(definition, bytes),
    );
  }

  setMaxMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, undefined, (definition) => withMaxMemory(definition, bytes));
  }

  setVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(
      uuid,
      scope,
      c,
      (id) => ["vcpu-set", "--ignore-host", id, String(count)],
      (definition) => withVcpus(definition, count),
    );
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, undefined, (definition) => withMaxVcpus(definition, count));
  }

  async #change(
    uuid: DomainUuid,
    scope: ChangeScope,
    c: Call,
    command: ((id: string) => readonly string[]) | undefined,
    change: (definition: IdentifiedDomain) => IdentifiedDomain,
  ): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    if (scope.live && command === undefined) {
      throw guest.error(
        "CONFIG_UNSUPPORTED",
        "is given what it can have at most when it starts; change its definition and start it again",
      );
    }
    const set = async (): Promise<void> => {
      if (command === undefined) return;
      try {
        await xl(command(String(guest.running.id)), c.signal);
      } catch (e) {
        throw refusal(`guest "${guest.name}" cannot be given that`, guest.name, e);
      }
    };
    await guest.turn(async () => {
      await changeGuest(this.#guests, guest, scope, change, set, c);
      if (scope.live) await this.#guests.tellSize(guest, c);
    });
    return guest.info;
  }
}
