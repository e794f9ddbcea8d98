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
import type { HypervServer } from "../server.ts";
import { checkScope, configure } from "./configure.ts";

/** Disks that exist and network cards. What a guest that runs can take is Hyper-V's to say: disks on SCSI, and cards with UEFI. */
export class HypervDevices implements DeviceFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  async attach(uuid: DomainUuid, xml: string, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const device = parseDevice(xml);
    const guest = this.#server.guests.require(uuid);
    checkScope(guest, scope);
    const same = findSame(guest.facts.definition, device);
    if (same !== undefined)
      throw new VirtError("DEVICE_EXISTS", `guest "${guest.name}" has a ${describeDevice(same)} already`, {
        resource: { type: "device", name: deviceName(same) },
      });
    const { definition } = completeDomain(withDevice(guest.facts.definition, device));
    const info = await configure(this.#server, guest, definition, c);
    this.#tell(guest, "added", device, scope, c);
    return info;
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
    this.#tell(guest, "removed", found, scope, c);
    return info;
  }

  #tell(guest: Guest, type: "added" | "removed", device: OneDevice, { live }: ChangeScope, c: Call): void {
    if (!live) return;
    const source = { uuid: guest.uuid, name: guest.name, cause: c };
    const body = { kind: "device", type, device: deviceName(device), detail: "" } as const;
    this.#server.guests.events.emit(source, body);
  }
}
