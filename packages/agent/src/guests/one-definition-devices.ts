import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DeviceFacet, DeviceReference } from "@virtmesh/core/driver/devices";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { describeDevice, deviceName, findDevice, findSame } from "@virtmesh/documents/domain/find-device";
import {
  type OneDevice,
  parseDevice,
  withDevice,
  withoutDevice,
} from "@virtmesh/documents/domain/one-device";
import { checkScope, type DefinedOnce, type DefinedOnceGuests } from "./one-definition.ts";

/** Devices that come and go with the definition, whether the guest runs or not. */
export class OneDefinitionDevices<G extends DefinedOnce> implements DeviceFacet {
  readonly #guests: DefinedOnceGuests<G>;

  constructor(guests: DefinedOnceGuests<G>) {
    this.#guests = guests;
  }

  async attach(uuid: DomainUuid, xml: string, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const device = parseDevice(xml);
    const guest = this.#guests.require(uuid);
    checkScope(this.#guests, guest, scope);
    const same = findSame(guest.definition, device);
    if (same !== undefined) {
      throw new VirtError("DEVICE_EXISTS", `guest "${guest.name}" has a ${describeDevice(same)} already`, {
        resource: { type: "device", name: deviceName(same) },
      });
    }
    const { definition } = completeDomain(withDevice(guest.definition, device));
    const info = await this.#guests.configure(guest, definition, c);
    this.#tell(guest, "added", device, scope, c);
    return info;
  }

  async detach(
    uuid: DomainUuid,
    reference: DeviceReference,
    scope: ChangeScope,
    c: Call,
  ): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    checkScope(this.#guests, guest, scope);
    const found = findDevice(guest.definition, reference);
    const info = await this.#guests.configure(guest, withoutDevice(guest.definition, found), c);
    this.#tell(guest, "removed", found, scope, c);
    return info;
  }

  #tell(
    { uuid, name }: G,
    type: "added" | "removed",
    device: OneDevice,
    { live }: ChangeScope,
    cause: Call,
  ): void {
    if (!live) return;
    const body = { kind: "device", type, device: deviceName(device), detail: "" } as const;
    this.#guests.events.emit({ uuid, name, cause }, body);
  }
}
