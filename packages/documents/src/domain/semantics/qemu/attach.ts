import { VirtError } from "@virtmesh/core/errors";
import { deviceKey } from "../../device-keys.ts";
import type { Devices } from "../../devices.ts";
import type { DomainDefinition } from "../../model.ts";
import type { OneDevice } from "../../one-device.ts";
import { withDevice } from "../../one-device.ts";
import type { QemuCompletion } from "./complete.ts";
import { completeQemuDomain } from "./complete.ts";

type Controller = Devices["controllers"][number];

export interface Attachment<D extends DomainDefinition> {
  /** The guest with the device, and with what it took. */
  readonly definition: D;
  /** The device with everything filled in, its address among it. */
  readonly device: OneDevice;
  /** Controllers that have to be plugged in before it. */
  readonly controllers: readonly Controller[];
}

/** Controllers that a guest that runs can be given. */
const PLUGGABLE: ReadonlySet<string> = new Set(["scsi", "virtio-serial"]);

/**
 * Finds room for one device more in a guest that runs. Nothing that the guest has moves.
 * @throws CONFIG_UNSUPPORTED when the guest has no free port for it; XML_INVALID
 */
export function attachToQemu<D extends DomainDefinition>(
  definition: D,
  given: OneDevice,
  completion: QemuCompletion,
): Attachment<D> {
  const path = `/domain/devices`;
  const complete = completeQemuDomain(withDevice(definition, given), completion) as D;
  const device = complete.devices[given.list].at(-1);
  if (device === undefined) throw new Error("a device that was added is there");
  const had = new Set(definition.devices.controllers.map(keyOf));
  const controllers = complete.devices.controllers.filter((c) => c !== device && !had.has(keyOf(c)));
  const fixed = controllers.find((c) => !PLUGGABLE.has(c.type));
  if (fixed !== undefined) {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `the guest has no free place for the device: it needs another controller (${fixed.model ?? fixed.type}), which only the next start can bring`,
      {
        violations: [
          { field: path, description: "give the guest spare PCI controllers while it is stopped" },
        ],
      },
    );
  }
  for (const plugged of [device, ...controllers]) {
    if (!isOnRoot(complete, plugged)) continue;
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      "nothing can be plugged into the root of PCI Express while the guest runs; it needs a port of its own",
      { violations: [{ field: path, description: "name a bus that is a pcie-root-port" }] },
    );
  }
  return { definition: complete, device: { list: given.list, device } as OneDevice, controllers };
}

function keyOf(controller: Controller): string {
  return deviceKey("controllers", controller, 0) ?? "";
}

function isOnRoot({ devices }: DomainDefinition, device: object): boolean {
  const address = "address" in device ? (device as Controller).address : undefined;
  if (address?.type !== "pci" || (address.bus ?? 0) !== 0) return false;
  return devices.controllers.some((c) => c.type === "pci" && c.model === "pcie-root");
}
