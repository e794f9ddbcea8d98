import { changeGuest } from "@virtmesh/agent/guests/change";
import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DeviceFacet, DeviceReference } from "@virtmesh/core/driver/devices";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { describeDevice, deviceName, findDevice, findSame } from "@virtmesh/documents/domain/find-device";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import {
  type OneDevice,
  parseDevice,
  withDevice,
  withoutDevice,
} from "@virtmesh/documents/domain/one-device";
import type { Guest } from "../guests/guest.ts";
import type { Guests } from "../guests/guests.ts";
import { refusal } from "../guests/launch.ts";
import { cardWords, diskWord } from "../xl-cfg/one-device.ts";
import { xl, XlError } from "../xl/xl.ts";

/** Disks and cards that come and go while a guest runs; of its definition anything that a guest can have. */
export class XenDevices implements DeviceFacet {
  readonly #guests: Guests;

  constructor(guests: Guests) {
    this.#guests = guests;
  }

  async attach(uuid: DomainUuid, xml: string, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const device = parseDevice(xml);
    const guest = this.#guests.require(uuid);
    await guest.turn(async () => {
      await changeGuest(
        this.#guests,
        guest,
        scope,
        (definition) => this.#withNew(definition, device),
        (now) => plug(guest, now, device),
        c,
      );
      if (scope.live) await this.#changed(guest, "added", device, c);
    });
    return guest.info;
  }

  async detach(
    uuid: DomainUuid,
    reference: DeviceReference,
    scope: ChangeScope,
    c: Call,
  ): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    await guest.turn(async () => {
      const found = scope.live ? findDevice(guest.running.definition, reference) : undefined;
      await changeGuest(
        this.#guests,
        guest,
        scope,
        (definition) => withoutDevice(definition, findDevice(definition, reference)),
        async () => {
          if (found !== undefined) await unplug(guest, found);
        },
        c,
      );
      if (found !== undefined) await this.#changed(guest, "removed", found, c);
    });
    return guest.info;
  }

  /** @throws DEVICE_EXISTS, CONFIG_UNSUPPORTED for what no guest of Xen has */
  #withNew(definition: IdentifiedDomain, device: OneDevice): IdentifiedDomain {
    const same = findSame(definition, device);
    if (same !== undefined) {
      throw new VirtError(
        "DEVICE_EXISTS",
        `guest "${definition.name}" has a ${describeDevice(same)} already`,
        {
          resource: { type: "device", name: deviceName(same) },
        },
      );
    }
    const { definition: more } = completeDomain(withDevice(definition, device));
    this.#guests.check(more);
    return more;
  }

  async #changed(guest: Guest, type: "added" | "removed", device: OneDevice, c: Call): Promise<void> {
    await this.#guests.findCards(guest.running);
    await this.#guests.during(guest, c, async () =>
      this.#guests.events.emit(guest, { kind: "device", type, device: deviceName(device), detail: "" }),
    );
  }
}

/** The last of its list is the new one, complete. Not to be broken off, as little as the other way. */
async function plug(guest: Guest, now: IdentifiedDomain, device: OneDevice): Promise<void> {
  const id = String(guest.running.id);
  const [disk, card] = [now.devices.disks.at(-1), now.devices.interfaces.at(-1)];
  try {
    if (device.list === "disks" && disk !== undefined)
      return void (await xl(["block-attach", id, diskWord(now, disk)]));
    if (device.list === "interfaces" && card !== undefined)
      return void (await xl(["network-attach", id, ...cardWords(now, card)]));
  } catch (e) {
    throw refusal(`a ${describeDevice(device)} cannot be attached to guest "${guest.name}"`, guest.name, e);
  }
  throw onlyOff(guest, device, "be attached to");
}

/** A device of which half is gone is of no use to anybody. @throws GUEST_REFUSED */
async function unplug(guest: Guest, device: OneDevice): Promise<void> {
  const id = String(guest.running.id);
  const words = ((): readonly string[] => {
    switch (device.list) {
      case "disks":
        return ["block-detach", id, device.device.target.dev];
      case "interfaces":
        return ["network-detach", id, device.device.mac?.address ?? ""];
      default:
        throw onlyOff(guest, device, "be taken from");
    }
  })();
  try {
    await xl(words);
  } catch (e) {
    throw new VirtError(
      e instanceof XlError ? "GUEST_REFUSED" : "HOST_SETUP",
      `guest "${guest.name}" does not let go of its ${describeDevice(device)}: ${messageOf(e)}`,
      { resource: { type: "domain", name: guest.name } },
      { cause: e },
    );
  }
}

function onlyOff(guest: Guest, device: OneDevice, what: string): VirtError {
  return new VirtError(
    "CONFIG_UNSUPPORTED",
    `a ${describeDevice(device)} cannot ${what} guest "${guest.name}" while it runs; change its definition and start it again`,
    { resource: { type: "domain", name: guest.name } },
  );
}
