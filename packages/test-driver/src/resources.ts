import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResourceFacet } from "@virtmesh/core/driver/resources";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { withMaxMemory, withMaxVcpus, withMemory, withVcpus } from "@virtmesh/documents/domain/sizes";
import { changeDefinitions } from "./change-definitions.ts";
import { currentDefinition, infoOf } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { pause } from "./pause.ts";

/** Longer than any call: how long a guest that ignores a request takes. */
const NEVER_MS = 0x7fff_ffff;

/** Memory and CPUs of guests in memory: what a guest can have at most cannot change while it runs. */
export class TestResources implements ResourceFacet {
  readonly #hypervisor: Hypervisor;

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor;
  }

  setMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change("setMemory", uuid, scope, c, (model) => withMemory(model, bytes));
  }

  setMaxMemory(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    if (scope.live) throw onlyOff("memory");
    return this.#change("setMaxMemory", uuid, scope, c, (model) => withMaxMemory(model, bytes));
  }

  setVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.#change("setVcpus", uuid, scope, c, (model) => withVcpus(model, count));
  }

  setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    if (scope.live) throw onlyOff("CPUs");
    return this.#change("setMaxVcpus", uuid, scope, c, (model) => withMaxVcpus(model, count));
  }

  async #change(
    method: string,
    uuid: DomainUuid,
    scope: ChangeScope,
    c: Call,
    change: (model: IdentifiedDomain) => IdentifiedDomain,
  ): Promise<DomainInfo> {
    const guest = this.#hypervisor.get(uuid);
    const { model, plan } = currentDefinition(guest);
    change(model);
    if (scope.live && plan.ignores(method)) await pause(NEVER_MS, c.signal);
    await plan.before(method, c);
    changeDefinitions(this.#hypervisor, guest, scope, change, c);
    const info = infoOf(guest);
    const { memoryBytes, maxMemoryBytes, vcpus } = info;
    if (scope.live) this.#hypervisor.emit(guest, { kind: "resource", memoryBytes, maxMemoryBytes, vcpus }, c);
    return info;
  }
}

function onlyOff(what: string): VirtError {
  return new VirtError(
    "CONFIG_UNSUPPORTED",
    `the most ${what} a guest can have at most is decided when it starts; change its definition`,
  );
}
