import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { withMemory } from "@virtmesh/documents/domain/sizes";
import { checkScope, type DefinedOnce, type DefinedOnceGuests } from "./one-definition.ts";

/** Memory as the definition has it, now and at most, and CPUs, which are one number. */
export class OneDefinitionResources<G extends DefinedOnce> implements ResourceFacet {
  readonly #guests: DefinedOnceGuests<G>;

  constructor(guests: DefinedOnceGuests<G>) {
    this.#guests = guests;
  }

  setMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.change(uuid, scope, c, (definition) => withMemory(definition, bytes));
  }

  setMaxMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.change(uuid, scope, c, (definition) => {
      const current = definition.currentMemory?.bytes ?? bytes;
      return {
        ...definition,
        memory: { ...definition.memory, bytes },
        currentMemory: { bytes: current < bytes ? current : bytes },
      };
    });
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.change(uuid, scope, c, (definition) => ({ ...definition, vcpu: { count } }));
  }

  protected async change(
    uuid: DomainUuid,
    scope: ChangeScope,
    c: Call,
    change: (definition: IdentifiedDomain) => IdentifiedDomain,
  ): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    checkScope(this.#guests, guest, scope);
    return await this.#guests.configure(guest, change(guest.definition), c);
  }
}
