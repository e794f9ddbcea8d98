import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { withMaxMemory, withMaxVcpus, withMemory, withVcpus } from "@virtmesh/documents/domain/sizes";
import { validateDomain } from "@virtmesh/documents/domain/validate";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import { resourcesOf } from "../domain/instance.ts";
import { balloonTo } from "../hotplug/balloon.ts";
import { setCpus } from "../hotplug/vcpus.ts";

/** Memory by the balloon, CPUs by plugging them; the maxima are decided at the start. */
export class QemuResources implements ResourceFacet {
  readonly #guests: Guests;

  constructor(guests: Guests) {
    this.#guests = guests;
  }

  setMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const change = (definition: IdentifiedDomain): IdentifiedDomain => withMemory(definition, bytes);
    return this.#change(uuid, scope, c, change, async (guest) => {
      await balloonTo(guest, bytes, c.signal);
      const { running } = guest;
      if (running.definition.currentMemory?.bytes === bytes) return;
      // QEMU tells of a balloon once a second at most: it is there, and the event is yet to come.
      running.setDefinition({ ...running.definition, currentMemory: { bytes } });
      this.#guests.events.emit(guest, resourcesOf(running.definition));
    });
  }

  setMaxMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    if (scope.live) return Promise.reject(onlyOff("the most memory a guest can have"));
    const change = (definition: IdentifiedDomain): IdentifiedDomain => withMaxMemory(definition, bytes);
    return this.#change(uuid, scope, c, change, async () => undefined);
  }

  setVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const change = (definition: IdentifiedDomain): IdentifiedDomain => withVcpus(definition, count);
    return this.#change(uuid, scope, c, change, async (guest) => {
      const { running } = guest;
      const onChange = (current: number): void => {
        running.setDefinition({ ...running.definition, vcpu: { ...running.definition.vcpu, current } });
        this.#guests.events.emit(guest, resourcesOf(running.definition));
      };
      await setCpus(guest, count, onChange, c.signal);
      await running.flush();
    });
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    if (scope.live) return Promise.reject(onlyOff("the most CPUs a guest can have"));
    const change = (definition: IdentifiedDomain): IdentifiedDomain => withMaxVcpus(definition, count);
    return this.#change(uuid, scope, c, change, async () => undefined);
  }

  async #change(
    uuid: DomainUuid,
    scope: ChangeScope,
    c: Call,
    change: (definition: IdentifiedDomain) => IdentifiedDomain,
    live: (guest: Guest) => Promise<void>,
  ): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    const persistent = scope.config ? change(persistentOf(guest)) : undefined;
    if (persistent !== undefined) validateDomain(persistent);
    if (scope.live) change(guest.running.definition);
    guest.cause = c;
    try {
      if (scope.live) await live(guest);
      if (persistent !== undefined) await this.#guests.define(persistent, c);
    } finally {
      guest.cause = undefined;
    }
    return guest.info;
  }
}

function persistentOf(guest: Guest): IdentifiedDomain {
  if (guest.persistentDefinition !== undefined) return guest.persistentDefinition;
  throw new VirtError(
    "DOMAIN_TRANSIENT",
    `guest "${guest.name}" is transient and has no definition to change`,
    {
      resource: { type: "domain", name: guest.name },
    },
  );
}

function onlyOff(what: string): VirtError {
  return new VirtError(
    "CONFIG_UNSUPPORTED",
    `${what} is decided when it starts; change its definition (config) and start it anew`,
  );
}
