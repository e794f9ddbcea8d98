import { writeFile } from "node:fs/promises";
import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { withMaxMemory, withMaxVcpus, withMemory, withVcpus } from "@virtmesh/documents/domain/sizes";
import { fileOfLimit } from "../cgroup/places.ts";
import type { Container } from "../containers/container.ts";
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
        const before = limits(container.running.definition, container.running.places.version);
        try {
          await setLimits(container, limits(now, container.running.places.version));
        } catch (e) {
          await setLimits(container, before);
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

/** @throws GUEST_REFUSED when the kernel does not take it: there is more in use, and it cannot be moved away */
async function setLimits({ name, running }: Container, limits: readonly Limit[]): Promise<void> {
  for (const limit of limits) {
    const path = fileOfLimit(running.places, limit);
    if (path === undefined) {
      throw new VirtError(
        "HOST_SETUP",
        `this host has no control groups for ${limit.controller}, so container "${name}" cannot be limited`,
      );
    }
    try {
      await writeFile(path, limit.value);
    } catch (e) {
      throw new VirtError(
        "GUEST_REFUSED",
        `the kernel does not set ${limit.file} of container "${name}" to ${limit.value}: ${messageOf(e)}`,
        { resource: { type: "domain", name } },
        { cause: e },
      );
    }
  }
}
