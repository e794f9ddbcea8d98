import type { Address } from "@virtmesh/documents/domain/devices/common";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { QemuCapabilities } from "../capabilities/model.ts";
import type { Arguments, Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BootOrder } from "./boot-order.ts";
import type { Board } from "./pci.ts";
import { pciPlaceOf } from "./pci.ts";
import type { Runtime } from "./runtime.ts";

/** What the parts of a device are made from. A device that is plugged in later stands in the definition too. */
export interface DeviceContext {
  readonly definition: IdentifiedDomain;
  readonly capabilities: QemuCapabilities;
  readonly runtime: Runtime;
  readonly board: Board;
  readonly boot: BootOrder;
}

/** What every part of the builder works with: the inputs, and the argument list it adds to. */
export interface BuildContext extends DeviceContext {
  readonly args: Arguments;
}

/** What every device has besides what it is. */
export interface Placed {
  readonly alias?: string;
  readonly acpiIndex?: number;
  readonly address?: Address;
}

/** The device's id in QEMU: the name that the definition gives it, or one of its kind and number. */
export function idOf({ alias }: Placed, otherwise: string): string {
  return alias ?? otherwise;
}

/** The driver's name again, after a look whether this binary has it. */
export function deviceDriver({ capabilities }: DeviceContext, driver: string, path: string): string {
  if (!capabilities.devices.has(driver)) {
    throw unsupported(path, `${capabilities.binary} has no device ${driver}`);
  }
  return driver;
}

/** The object type again, after a look whether this binary has it. */
export function objectType({ capabilities }: DeviceContext, type: string, path: string): string {
  if (!capabilities.objects.has(type))
    throw unsupported(path, `${capabilities.binary} has no object ${type}`);
  return type;
}

/** Where a PCI device sits. */
export function pciPlace(
  { board, definition }: DeviceContext,
  { address, acpiIndex }: Placed,
  path: string,
): Json {
  return { ...pciPlaceOf(address, board, definition, path), "acpi-index": acpiIndex };
}

/** `virtio-net-pci`, or its form for old or new guests only. */
export function virtioPci(name: string, model: string | undefined): string {
  if (model === "virtio-transitional") return `${name}-pci-transitional`;
  if (model === "virtio-non-transitional") return `${name}-pci-non-transitional`;
  return `${name}-pci`;
}

interface VirtioOptions {
  readonly iommu?: boolean;
  readonly ats?: boolean;
  readonly packed?: boolean;
  readonly pagePerVq?: boolean;
}

/** Properties that all virtio devices share. */
export function virtioProperties(driver: VirtioOptions | undefined) {
  return {
    iommu_platform: driver?.iommu,
    ats: driver?.ats,
    packed: driver?.packed,
    "page-per-vq": driver?.pagePerVq,
  };
}

interface VirtioDevice extends Placed {
  readonly model?: string;
  readonly driver?: VirtioOptions;
}

/** Driver, shared properties and place of a virtio device on PCI. */
export function virtioDevice(c: DeviceContext, name: string, device: VirtioDevice, path: string): Json {
  return {
    driver: deviceDriver(c, virtioPci(name, device.model), path),
    ...virtioProperties(device.driver),
    ...pciPlace(c, device, path),
  };
}
