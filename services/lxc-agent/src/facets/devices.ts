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
  findMeant,
  findSame,
} from "@virtmesh/documents/domain/find-device";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import {
  deviceUpdated,
  type OneDevice,
  parseDevice,
  withDevice,
  withDeviceReplaced,
  withoutDevice,
} from "@virtmesh/documents/domain/one-device";
import type { Container, RunDisk } from "../containers/container.ts";
import type { Containers } from "../containers/containers.ts";
import { deviceFor, giveBack } from "../containers/disks.ts";
import { configOf, withPairs } from "../containers/launch.ts";
import {
  addDiskNode,
  addInterface,
  changeInterface,
  removeDiskNode,
  removeInterface,
} from "../containers/plug.ts";

/** Disks and cards that come and go while a container runs; of its definition anything that a container can have. */
export class LxcDevices implements DeviceFacet {
  readonly #containers: Containers;

  constructor(containers: Containers) {
    this.#containers = containers;
  }

  async attach(uuid: DomainUuid, xml: string, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    const device = parseDevice(xml);
    const container = this.#containers.require(uuid);
    const add = (definition: IdentifiedDomain): IdentifiedDomain => withNew(definition, device);
    const config = scope.config && container.persistent !== undefined ? add(container.persistent) : undefined;
    if (scope.live) await this.#plug(container, device, add(container.running.definition), c);
    if (config !== undefined) await this.#containers.define(config, c);
    if (scope.live) this.#tell(container, "added", device, c);
    return container.info;
  }

  async detach(
    uuid: DomainUuid,
    reference: DeviceReference,
    scope: ChangeScope,
    c: Call,
  ): Promise<DomainInfo> {
    const container = this.#containers.require(uuid);
    const remove = (definition: IdentifiedDomain): IdentifiedDomain =>
      withoutDevice(definition, findDevice(definition, reference));
    const config =
      scope.config && container.persistent !== undefined ? remove(container.persistent) : undefined;
    const found = scope.live ? findDevice(container.running.definition, reference) : undefined;
    if (found !== undefined) await this.#unplug(container, found, remove(container.running.definition), c);
    if (config !== undefined) await this.#containers.define(config, c);
    if (found !== undefined) this.#tell(container, "removed", found, c);
    return container.info;
  }

  async update(
    uuid: DomainUuid,
    xml: string,
    scope: ChangeScope & { readonly force: boolean },
    c: Call,
  ): Promise<DomainInfo> {
    const wanted = parseDevice(xml);
    const container = this.#containers.require(uuid);
    const change = (definition: IdentifiedDomain): IdentifiedDomain => withChanged(definition, wanted);
    const config =
      scope.config && container.persistent !== undefined ? change(container.persistent) : undefined;
    if (scope.live) {
      const { definition } = container.running;
      const found = findMeant(definition, wanted);
      await changeLive(container, found, deviceUpdated(found, wanted), c.signal);
      await this.#containers.redefine(container, change(definition));
    }
    if (config !== undefined) await this.#containers.define(config, c);
    if (scope.live) this.#tell(container, "updated", wanted, c);
    return container.info;
  }

  async #plug(container: Container, device: OneDevice, given: IdentifiedDomain, c: Call): Promise<void> {
    const { running } = container;
    const definition = withPairs(given);
    switch (device.list) {
      case "disks": {
        const disk = await deviceFor(device.device, c.signal);
        try {
          await this.#containers.permit(container, "allow", disk, c);
          await addDiskNode(container, device.device.target.dev, disk);
        } catch (e) {
          await giveBack(disk);
          throw e;
        }
        return await this.#containers.redefine(container, definition, {
          ...running.disks,
          [device.device.target.dev]: disk,
        });
      }
      case "interfaces": {
        const nic = definition.devices.interfaces.at(-1);
        if (nic !== undefined)
          await addInterface(container, nic, definition.devices.interfaces.length - 1, c.signal);
        return await this.#containers.redefine(container, definition);
      }
      default:
        throw onlyOff(container, device, "be attached to");
    }
  }

  async #unplug(
    container: Container,
    device: OneDevice,
    definition: IdentifiedDomain,
    c: Call,
  ): Promise<void> {
    switch (device.list) {
      case "disks": {
        const target = device.device.target.dev;
        const { [target]: disk, ...rest } = container.running.disks as Readonly<
          Record<string, RunDisk | undefined>
        >;
        if (disk !== undefined) {
          await removeDiskNode(container, target);
          await this.#containers.permit(container, "deny", disk, c);
          await giveBack(disk);
        }
        return await this.#containers.redefine(
          container,
          definition,
          rest as Readonly<Record<string, RunDisk>>,
        );
      }
      case "interfaces":
        await removeInterface(container, device.device, c.signal);
        return await this.#containers.redefine(container, definition);
      default:
        throw onlyOff(container, device, "be taken from");
    }
  }

  #tell(container: Container, type: "added" | "removed" | "updated", device: OneDevice, c: Call): void {
    void this.#containers.during(container, c, async () =>
      this.#containers.events.emit(container, {
        kind: "device",
        type,
        device: deviceName(device),
        detail: "",
      }),
    );
  }
}

/** The definition with a device as it shall be. @throws DEVICE_NOT_FOUND, CONFIG_UNSUPPORTED */
function withChanged(definition: IdentifiedDomain, wanted: OneDevice): IdentifiedDomain {
  const found = findMeant(definition, wanted);
  const { definition: changed } = completeDomain(
    withDeviceReplaced(definition, found, deviceUpdated(found, wanted)),
  );
  configOf(changed, {}, 1);
  return changed;
}

/** The link of a card, and the bridge it hangs at. @throws CONFIG_UNSUPPORTED for anything else */
async function changeLive(
  container: Container,
  from: OneDevice,
  to: OneDevice,
  signal: AbortSignal,
): Promise<void> {
  if (from.list !== "interfaces" || to.list !== "interfaces") throw onlyOff(container, from, "change in");
  await changeInterface(container, from.device, to.device, signal);
}

/** @throws DEVICE_EXISTS, CONFIG_UNSUPPORTED for what no container has */
function withNew(definition: IdentifiedDomain, device: OneDevice): IdentifiedDomain {
  const same = findSame(definition, device);
  if (same !== undefined) {
    throw new VirtError(
      "DEVICE_EXISTS",
      `container "${definition.name}" has a ${describeDevice(same)} already`,
      {
        resource: { type: "device", name: deviceName(same) },
      },
    );
  }
  const { definition: more } = completeDomain(withDevice(definition, device));
  configOf(more, {}, 1);
  return more;
}

function onlyOff(container: Container, device: OneDevice, what: string): VirtError {
  return new VirtError(
    "CONFIG_UNSUPPORTED",
    `a ${describeDevice(device)} cannot ${what} container "${container.name}" while it runs; change its definition and start it again`,
    { resource: { type: "domain", name: container.name } },
  );
}
