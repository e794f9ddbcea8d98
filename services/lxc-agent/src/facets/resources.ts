import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { withMaxMemory, withMaxVcpus, withMemory, withVcpus } from "@virtmesh/documents/domain/sizes";
import { setLimits } from "../cgroup/set-limits.ts";
import type { Containers } from "../containers/containers.ts";
import { cpuLimits, type Limit, memoryLimits, withCpuQuota } from "../native/limits.ts";
import { changeGuest } from "@virtmesh/agent/guests/change";

/** Memory and CPUs of containers: limits of the kernel, which take effect at once and ask nobody inside. */
export class LxcResources implements ResourceFacet {
  readonly #containers: Containers;

  constructor(containers: Containers) {
    this.#containers = containers;
  }

  setMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, memoryLimits, (definition) => ({
      ...withMemory(definition, bytes, "container"),
      ...withHardLimit(definition, bytes),
    }));
  }

  setMaxMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, memoryLimits, (definition) => withMaxMemory(definition, bytes));
  }

  setVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, quotas, (definition) => withVcpus(definition, count, "container"));
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, quotas, (definition) => withMaxVcpus(definition, count));
  }

  async #change(
    uuid: DomainUuid,
    scope: ChangeScope,
    c: Call,
    limits: (definition: IdentifiedDomain, version: 1 | 2) => readonly Limit[],
    change: (definition: IdentifiedDomain) => IdentifiedDomain,
  ): Promise<DomainInfo> {
    const container = this.#containers.require(uuid);
    await changeGuest(
      this.#containers,
      container,
      scope,
      change,
      async (now) => {
        const { definition, places } = container.running;
        try {
          await setLimits(container.name, places, limits(now, places.version));
        } catch (e) {
          await setLimits(container.name, places, limits(definition, places.version));
          throw e;
        }
      },
      c,
    );
    if (scope.live) await this.#containers.tellSize(container, c);
    return container.info;
  }
}

/** A hard limit that was said goes with the memory, else the limit would stay where it was. */
function withHardLimit({ memtune }: IdentifiedDomain, bytes: bigint): Pick<IdentifiedDomain, "memtune"> {
  return memtune?.hardLimit === undefined ? {} : { memtune: { ...memtune, hardLimit: bytes } };
}

function quotas(definition: IdentifiedDomain, version: 1 | 2): readonly Limit[] {
  return cpuLimits(withCpuQuota(definition), version);
}
