import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { HypervServer } from "../server.ts";
import { checkScope, configure } from "./configure.ts";

/** A guest with less memory at its start than at most has Hyper-V's dynamic memory; CPUs are one number. */
export class HypervResources implements ResourceFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  setMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, (definition) => {
      if (bytes > definition.memory.bytes) {
        const description = `is more than the ${definition.memory.bytes} bytes that guest "${definition.name}" can have at most`;
        throw new VirtError("INVALID_FIELD", `memory_bytes ${description}`, {
          violations: [{ field: "memory_bytes", description }],
        });
      }
      return { ...definition, currentMemory: { bytes } };
    });
  }

  setMaxMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, (definition) => {
      const current = definition.currentMemory?.bytes ?? bytes;
      return {
        ...definition,
        memory: { ...definition.memory, bytes },
        currentMemory: { bytes: current < bytes ? current : bytes },
      };
    });
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, (definition) => ({ ...definition, vcpu: { count } }));
  }

  async #change(
    uuid: DomainUuid,
    scope: ChangeScope,
    c: Call,
    change: (definition: IdentifiedDomain) => IdentifiedDomain,
  ): Promise<DomainInfo> {
    const guest = this.#server.guests.require(uuid);
    checkScope(guest, scope);
    return await configure(this.#server, guest, change(guest.facts.definition), c);
  }
}
