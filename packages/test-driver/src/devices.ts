import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DeviceFacet, DeviceReference } from "@virtmesh/core/driver/devices";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import {
  describeDevice,
  deviceName,
  findDevice,
  findLike,
  findSame,
} from "@virtmesh/documents/domain/find-device";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import {
  type OneDevice,
  parseDevice,
  withDevice,
  withDeviceReplaced,
  withoutDevice,
} from "@virtmesh/documents/domain/one-device";
import { changeDefinitions } from "./change-definitions.ts";
import { withAddresses } from "./definition.ts";
import { currentDefinition, type Guest, infoOf } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { pause } from "./pause.ts";

/** Longer than any call: how long a guest that ignores a request takes. */
const NEVER_MS = 0x7fff_ffff;

/** Devices in memory: any that a definition can have may come, go and change. */
export class TestDevices implements DeviceFacet {
  readonly #hypervisor: Hypervisor;

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor;
  }

  async attach(uuid: DomainUuid, xml: string, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const device = parseDevice(xml);
    const guest = this.#hypervisor.get(uuid);
    await currentDefinition(guest).plan.before("attachDevice", c);
    this.#change(guest, scope, (model) => withAddresses(withDevice(withoutSame(model, device), device)), c);
    if (scope.live) this.#tell(guest, "added", device, c);
    return infoOf(guest);
  }

  async detach(
    uuid: DomainUuid,
    reference: DeviceReference,
    scope: ChangeScope,
    c: Call,
  ): Promise<DomainInfo> {
    const guest = this.#hypervisor.get(uuid);
    const { model, plan } = currentDefinition(guest);
    const found = scope.live ? findDevice(model, reference) : undefined;
    if (scope.config && guest.persistent !== undefined) findDevice(guest.persistent.model, reference);
    if (found !== undefined && plan.ignores("detachDevice")) await pause(NEVER_MS, c.signal);
    try {
      await plan.before("detachDevice", c);
    } catch (e) {
      if (found !== undefined && VirtError.from(e).reason === "GUEST_REFUSED")
        this.#tell(guest, "removalFailed", found, c);
      throw e;
    }
    this.#change(guest, scope, (m) => withoutDevice(m, findDevice(m, reference)), c);
    if (found !== undefined) this.#tell(guest, "removed", found, c);
    return infoOf(guest);
  }

  async update(
    uuid: DomainUuid,
    xml: string,
    scope: ChangeScope & { readonly force: boolean },
    c: Call,
  ): Promise<DomainInfo> {
    const device = parseDevice(xml);
    const guest = this.#hypervisor.get(uuid);
    await currentDefinition(guest).plan.before("updateDevice", c);
    const replace = (model: IdentifiedDomain) =>
      withDeviceReplaced(model, findSame(model, device) ?? findLike(model, device), device);
    this.#change(guest, scope, replace, c);
    if (scope.live) this.#tell(guest, "updated", device, c);
    return infoOf(guest);
  }

  #change(
    guest: Guest,
    scope: ChangeScope,
    change: (model: IdentifiedDomain) => IdentifiedDomain,
    c: Call,
  ): void {
    changeDefinitions(this.#hypervisor, guest, scope, change, c);
  }

  #tell(
    guest: Guest,
    type: "added" | "removed" | "removalFailed" | "updated",
    device: OneDevice,
    c: Call,
  ): void {
    this.#hypervisor.emit(guest, { kind: "device", type, device: deviceName(device), detail: "" }, c);
  }
}

/** The definition itself. @throws DEVICE_EXISTS when a device like that is in it already. */
function withoutSame(model: IdentifiedDomain, device: OneDevice): IdentifiedDomain {
  const same = findSame(model, device);
  if (same === undefined) return model;
  throw new VirtError("DEVICE_EXISTS", `guest "${model.name}" has a ${describeDevice(same)} already`, {
    resource: { type: "device", name: deviceName(same) },
  });
}
