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
import type { Guest } from "../guests/guest.ts";
import type { EsxServer } from "../server.ts";
import { checkScope, configure } from "./configure.ts";

/** Disks that exist and network cards, plugged into a guest whether it runs or not. */
export class EsxDevices implements DeviceFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  async attach(uuid: DomainUuid, xml: string, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const device = parseDevice(xml);
    const guest = this.#server.guests.require(uuid);
    checkScope(guest, scope);
    const same = findSame(guest.facts.definition, device);
    if (same !== undefined) {
      throw new VirtError("DEVICE_EXISTS", `guest "${guest.name}" has a ${describeDevice(same)} already`, {
        resource: { type: "device", name: deviceName(same) },
      });
    }
    const { definition } = completeDomain(withDevice(guest.facts.definition, device));
    const info = await configure(this.#server, guest, definition, c);
    return this.#tell(guest, "added", device, scope, info, c);
  }

  async detach(
    uuid: DomainUuid,
    reference: DeviceReference,
    scope: ChangeScope,
    c: Call,
  ): Promise<DomainInfo> {
    const guest = this.#server.guests.require(uuid);
    checkScope(guest, scope);
    const found = findDevice(guest.facts.definition, reference);
    const info = await configure(this.#server, guest, withoutDevice(guest.facts.definition, found), c);
    return this.#tell(guest, "removed", found, scope, info, c);
  }

  #tell(
    guest: Guest,
    type: "added" | "removed",
    device: OneDevice,
    { live }: ChangeScope,
    info: DomainInfo,
    c: Call,
  ): DomainInfo {
    if (live) {
      const source = { uuid: guest.uuid, name: guest.name, cause: c };
      this.#server.guests.events.emit(source, {
        kind: "device",
        type,
        device: deviceName(device),
        detail: "",
      });
    }
    return info;
  }
}
