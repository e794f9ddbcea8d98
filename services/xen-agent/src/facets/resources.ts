import { changeGuest } from "@virtmesh/agent/guests/change";
import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
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
      (definition) => {
        if (bytes > definition.memory.bytes)
          throw tooMuch(definition, "memory_bytes", `${definition.memory.bytes} bytes`);
        return { ...definition, currentMemory: { bytes } };
      },
    );
  }

  setMaxMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, undefined, (definition) => {
      const current = definition.currentMemory?.bytes ?? definition.memory.bytes;
      const now = current < bytes ? current : bytes;
      return { ...definition, memory: { ...definition.memory, bytes }, currentMemory: { bytes: now } };
    });
  }

  setVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(
      uuid,
      scope,
      c,
      (id) => ["vcpu-set", "--ignore-host", id, String(count)],
      (definition) => {
        if (count > definition.vcpu.count)
          throw tooMuch(definition, "vcpus", `${definition.vcpu.count} CPUs`);
        return { ...definition, vcpu: { ...definition.vcpu, current: count } };
      },
    );
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change(uuid, scope, c, undefined, (definition) => {
      const current = Math.min(definition.vcpu.current ?? definition.vcpu.count, count);
      return { ...definition, vcpu: { ...definition.vcpu, count, current } };
    });
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
      throw new VirtError(
        "CONFIG_UNSUPPORTED",
        `what guest "${guest.name}" can have at most is decided when it starts; change its definition and start it again`,
        { resource: { type: "domain", name: guest.name } },
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
      if (!scope.live) return;
      const { memoryBytes, maxMemoryBytes, vcpus } = guest.info;
      await this.#guests.during(guest, c, async () =>
        this.#guests.events.emit(guest, { kind: "resource", memoryBytes, maxMemoryBytes, vcpus }),
      );
    });
    return guest.info;
  }
}

function tooMuch(definition: IdentifiedDomain, field: string, most: string): VirtError {
  const description = `is more than the ${most} that guest "${definition.name}" can have at most`;
  return new VirtError("INVALID_FIELD", `${field} ${description}`, { violations: [{ field, description }] });
}
