import { OneDefinitionDevices } from "@virtmesh/agent/guests/one-definition-devices";
import { checkScope, type DefinedOnceGuests } from "@virtmesh/agent/guests/one-definition";
import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { describeDevice, deviceName, findMeant } from "@virtmesh/documents/domain/find-device";
import {
  deviceUpdated,
  type FoundDevice,
  type OneDevice,
  parseDevice,
  withDeviceReplaced,
} from "@virtmesh/documents/domain/one-device";
import type { Guest } from "../guests/guest.ts";

/** Devices of vSphere's guests: beside coming and going, some change where they are. */
export class EsxDevices extends OneDefinitionDevices<Guest> {
  readonly #guests: DefinedOnceGuests<Guest>;

  constructor(guests: DefinedOnceGuests<Guest>) {
    super(guests);
    this.#guests = guests;
  }

  /** The medium of a CD or floppy drive, and what a network card is connected to and whether. A locked tray is the guest's to open. */
  async update(
    uuid: DomainUuid,
    xml: string,
    scope: ChangeScope & { readonly force: boolean },
    c: Call,
  ): Promise<DomainInfo> {
    const wanted = parseDevice(xml);
    const guest = this.#guests.require(uuid);
    checkScope(this.#guests, guest, scope);
    const found = findMeant(guest.definition, wanted);
    const updated = deviceUpdated(found, wanted);
    checkChange(guest, found, updated);
    const info = await this.#guests.configure(guest, withDeviceReplaced(guest.definition, found, updated), c);
    const body = { kind: "device", type: "updated", device: deviceName(updated), detail: "" } as const;
    if (scope.live) this.#guests.events.emit({ uuid, name: guest.name, cause: c }, body);
    return info;
  }
}

/** @throws CONFIG_UNSUPPORTED for what would be another device in the place of this one */
function checkChange({ name }: Guest, was: FoundDevice, now: OneDevice): void {
  if (was.list === "disks" && now.list === "disks" && isDrive(was) && isDrive(now)) return;
  if (was.list === "interfaces" && now.list === "interfaces") {
    const model = now.device.model ?? was.device.model;
    if (was.device.model === model && was.device.mac?.address === now.device.mac?.address) return;
  }
  throw new VirtError(
    "CONFIG_UNSUPPORTED",
    `${describeDevice(was)} of guest "${name}" cannot change so: vSphere changes the medium of a drive, and the network and the link of a card; detach it and attach another for the rest`,
    { resource: { type: "device", name: deviceName(was) } },
  );
}

function isDrive(device: OneDevice): boolean {
  return device.list === "disks" && (device.device.device === "cdrom" || device.device.device === "floppy");
}
