import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DeviceFacet, DeviceReference } from "@virtmesh/core/driver/devices";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { newMac } from "@virtmesh/documents/domain/complete";
import { findDevice, findLike, findMeant } from "@virtmesh/documents/domain/find-device";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import {
  deviceUpdated,
  type FoundDevice,
  type OneDevice,
  parseDevice,
  withDeviceReplaced,
} from "@virtmesh/documents/domain/one-device";
import type { QemuTraits } from "@virtmesh/documents/domain/semantics/qemu/traits";
import { validateDomain } from "@virtmesh/documents/domain/validate";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import type { LaunchSite } from "../domain/launch.ts";
import { attachLive } from "../hotplug/attach.ts";
import { detachLive } from "../hotplug/detach.ts";
import { complete, withNewDevice, withoutOldDevice } from "../hotplug/device-change.ts";
import { updateLive } from "../hotplug/update-live.ts";

export interface DevicesOptions {
  readonly guests: Guests;
  readonly site: LaunchSite;
  readonly traits: QemuTraits;
}

/** Devices of guests, with real QEMU: what a guest that runs has, and what its next start will give it. */
export class QemuDevices implements DeviceFacet {
  readonly #guests: Guests;
  readonly #o: DevicesOptions;

  constructor(options: DevicesOptions) {
    this.#guests = options.guests;
    this.#o = options;
  }

  async attach(uuid: DomainUuid, xml: string, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const device = withMac(parseDevice(xml));
    return await this.#change(uuid, c, async (guest) => {
      const persistent = scope.config
        ? withNewDevice(persistentOf(guest), device, this.#o.traits, false)
        : undefined;
      if (scope.live) await attachLive({ ...this.#o, guest, device, persistent, signal: c.signal });
      if (persistent !== undefined) await this.#guests.define(persistent, c);
    });
  }

  async detach(
    uuid: DomainUuid,
    reference: DeviceReference,
    scope: ChangeScope,
    c: Call,
  ): Promise<DomainInfo> {
    return await this.#change(uuid, c, async (guest) => {
      const found = scope.live ? findDevice(guest.running.definition, reference) : undefined;
      const persistent = scope.config
        ? withoutOldDevice(persistentOf(guest), inPersistent(guest, reference))
        : undefined;
      if (found !== undefined) await detachLive({ ...this.#o, guest, found, persistent, signal: c.signal });
      if (persistent !== undefined) await this.#guests.define(persistent, c);
    });
  }

  async update(
    uuid: DomainUuid,
    xml: string,
    scope: ChangeScope & { readonly force: boolean },
    c: Call,
  ): Promise<DomainInfo> {
    const wanted = parseDevice(xml);
    return await this.#change(uuid, c, async (guest) => {
      const persistent = scope.config ? this.#updatedPersistent(guest, wanted) : undefined;
      if (scope.live) {
        const found = findMeant(guest.running.definition, wanted);
        const { force } = scope;
        await updateLive({ ...this.#o, guest, found, wanted, persistent, force, signal: c.signal });
      }
      if (persistent !== undefined) await this.#guests.define(persistent, c);
    });
  }

  #updatedPersistent(guest: Guest, wanted: OneDevice): IdentifiedDomain {
    const before = persistentOf(guest);
    const found = findMeant(before, wanted);
    const after = complete(withDeviceReplaced(before, found, deviceUpdated(found, wanted)), this.#o.traits);
    validateDomain(after);
    return after;
  }

  /** Events that the work causes carry the caller's name. */
  async #change(uuid: DomainUuid, c: Call, work: (guest: Guest) => Promise<void>): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    guest.cause = c;
    try {
      await work(guest);
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

/** Live and for the next start it is the same card. */
function withMac(one: OneDevice): OneDevice {
  if (one.list !== "interfaces" || one.device.mac !== undefined) return one;
  return { list: one.list, device: { ...one.device, mac: { address: newMac() } } };
}

/** Aliases are given to what runs: the definition's device is then the one that is like it. */
function inPersistent(guest: Guest, reference: DeviceReference): FoundDevice {
  const persistent = persistentOf(guest);
  const running = guest.instance?.definition;
  if (reference.kind !== "alias" || reference.alias.startsWith("ua-") || running === undefined)
    return findDevice(persistent, reference);
  const found = findDevice(running, reference);
  const { alias: _, ...device } = found.device as FoundDevice["device"] & { readonly alias?: string };
  return findLike(persistent, { list: found.list, device } as OneDevice);
}
