import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { QemuCapabilities } from "../capabilities/model.ts";
import type { Arguments } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BootOrder } from "./boot-order.ts";
import type { Board, PciSlots } from "./pci.ts";
import type { Runtime } from "./runtime.ts";

/** What every part of the builder works with: the inputs, and the argument list it adds to. */
export interface BuildContext {
  readonly definition: IdentifiedDomain;
  readonly capabilities: QemuCapabilities;
  readonly runtime: Runtime;
  readonly args: Arguments;
  readonly board: Board;
  readonly pci: PciSlots;
  readonly boot: BootOrder;
}

/** The driver's name again, after a look whether this binary has it. */
export function deviceDriver({ capabilities }: BuildContext, driver: string, path: string): string {
  if (!capabilities.devices.has(driver)) {
    throw unsupported(path, `${capabilities.binary} has no device ${driver}`);
  }
  return driver;
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
