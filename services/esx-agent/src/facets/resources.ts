import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { EsxServer } from "../server.ts";
import { checkScope, configure } from "./configure.ts";

/** Memory is what a guest sees and the limit of what the host gives it. */
export class EsxResources implements ResourceFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  setMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, (definition) => {
      const most = definition.memory.bytes;
      if (bytes > most)
        throw tooMuch("memory_bytes", `the ${most} bytes that guest "${definition.name}" can have at most`);
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

  /** A guest that runs takes more where it was made with CPUs to come, and gives none back. */
  setVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, (definition) => {
      const most = definition.vcpu.count;
      if (count > most)
        throw tooMuch("vcpus", `the ${most} CPUs that guest "${definition.name}" can have at most`);
      return { ...definition, vcpu: { count: most, current: count } };
    });
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, ({ vcpu, ...definition }) => ({
      ...definition,
      vcpu: { count, current: Math.min(vcpu.current ?? vcpu.count, count) },
    }));
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

function tooMuch(field: string, most: string): VirtError {
  const description = `is more than ${most}`;
  return new VirtError("INVALID_FIELD", `${field} ${description}`, { violations: [{ field, description }] });
}
