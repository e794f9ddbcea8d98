import { writeFile } from "node:fs/promises";
import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
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
    return this.#change(uuid, scope, c, memoryLimits, (definition) => {
      if (bytes > definition.memory.bytes)
        throw tooMuch(definition, "memory_bytes", `${definition.memory.bytes} bytes`);
      return { ...definition, currentMemory: { bytes }, ...withHardLimit(definition, bytes) };
    });
  }

  setMaxMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, memoryLimits, (definition) => {
      const current = definition.currentMemory?.bytes ?? definition.memory.bytes;
      const now = current < bytes ? current : bytes;
      return { ...definition, memory: { ...definition.memory, bytes }, currentMemory: { bytes: now } };
    });
  }

  setVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, quotas, (definition) => {
      if (count > definition.vcpu.count) throw tooMuch(definition, "vcpus", `${definition.vcpu.count} CPUs`);
      return { ...definition, vcpu: { ...definition.vcpu, current: count } };
    });
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, quotas, (definition) => {
      const current = Math.min(definition.vcpu.current ?? definition.vcpu.count, count);
      return { ...definition, vcpu: { ...definition.vcpu, count, current } };
    });
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
    const { info } = container;
    if (scope.live) {
      const { memoryBytes, maxMemoryBytes, vcpus } = info;
      await this.#containers.during(container, c, async () =>
        this.#containers.events.emit(container, { kind: "resource", memoryBytes, maxMemoryBytes, vcpus }),
      );
    }
    return info;
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

function tooMuch(definition: IdentifiedDomain, field: string, most: string): VirtError {
  const description = `is more than the ${most} that container "${definition.name}" can have at most`;
  return new VirtError("INVALID_FIELD", `${field} ${description}`, { violations: [{ field, description }] });
}
