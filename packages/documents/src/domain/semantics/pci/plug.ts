import { hasPlace } from "./place.ts";
import type { Plug } from "./socket.ts";
import { bridge, endpoint } from "./socket.ts";
import type { HostDevices, HostPciAddress } from "../qemu/traits.ts";
import type { DevicesDraft, Walked } from "../walk.ts";

export interface PlugContext {
  /** The guest has a PCI Express root. */
  readonly express: boolean;
  /** Where virtio devices go that are neither old nor new only. */
  readonly virtio: "pci" | "pcie";
  readonly host: HostDevices;
}

/** How a device connects to PCI; undefined for one that does not. */
export function plugOf(walked: Walked, context: PlugContext): Plug | undefined {
  const pci = endpoint("pci");
  const pcie = endpoint(context.express ? "pcie" : "pci");
  const virtio = (model: string | undefined) =>
    // Transitional devices only work in conventional slots.
    model === "virtio-transitional" ? pci : endpoint(context.virtio);
  switch (walked.list) {
    case "controllers":
      return controllerPlug(walked.device, pci, pcie, virtio);
    case "filesystems": {
      const type = walked.device.driver?.type;
      return type === undefined || ["path", "handle", "virtiofs"].includes(type)
        ? virtio(type === "virtiofs" ? undefined : walked.device.model)
        : undefined;
    }
    case "interfaces":
      return interfacePlug(walked.device, pci, pcie, virtio);
    case "sounds":
      if (walked.device.model === "virtio") return virtio(undefined);
      return ["es1370", "ac97", "ich6", "ich9"].includes(walked.device.model) ? pci : undefined;
    case "disks":
      return walked.device.target.bus === "virtio" ? virtio(walked.device.model) : undefined;
    case "hostdevs":
      return hostdevPlug(walked.device, context, virtio);
    case "memballoons":
      return walked.device.model.startsWith("virtio") ? virtio(walked.device.model) : undefined;
    case "rngs":
    case "vsocks":
    case "cryptos":
      return virtio(walked.device.model);
    case "watchdogs":
      return walked.device.model === "i6300esb" ? pci : undefined;
    case "videos":
      return videoPlug(walked.device.model?.type ?? "default", pci, pcie, virtio);
    case "shmems":
    case "pstore":
      return pci;
    case "panics":
      return walked.device.model === "pvpanic" ? pci : undefined;
    case "inputs":
      return walked.device.bus === "virtio" ? virtio(walked.device.model) : undefined;
    case "serials":
      return walked.device.target?.type === "pci-serial" ? pci : undefined;
    case "iommus":
      return walked.device.model === "virtio" ? { ...virtio(undefined), integrated: true } : undefined;
    case "memories":
      return walked.device.model.startsWith("virtio") ? virtio(undefined) : undefined;
    case "smartcards":
    case "parallels":
    case "channels":
    case "consoles":
    case "hubs":
    case "tpms":
    case "redirdevs":
      return undefined;
  }
}

type Virtio = (model: string | undefined) => Plug;

function controllerPlug(
  device: DevicesDraft["controllers"][number],
  pci: Plug,
  pcie: Plug,
  virtio: Virtio,
): Plug | undefined {
  switch (device.type) {
    case "pci":
      switch (device.model) {
        case "pci-bridge":
        case "dmi-to-pci-bridge":
        case "pcie-to-pci-bridge":
        case "pcie-root-port":
        case "pcie-switch-upstream-port":
        case "pcie-switch-downstream-port":
        case "pci-expander-bus":
        case "pcie-expander-bus":
          return bridge(device.model);
        default:
          return undefined;
      }
    case "sata":
    case "ide":
      return pci;
    case "usb":
      if (device.model === "none" || device.model?.startsWith("qusb") === true) return undefined;
      return device.model?.endsWith("xhci") === true ? pcie : pci;
    case "scsi":
      if (device.model === undefined || device.model === "ncr53c90") return undefined;
      return device.model === "virtio-scsi" || device.model === "virtio-non-transitional"
        ? virtio(device.model)
        : pci;
    case "virtio-serial":
      return virtio(device.model);
    case "fdc":
    case "ccid":
    case "xenbus":
    case "isa":
    case "nvme":
      return undefined;
  }
}

function interfacePlug(
  device: DevicesDraft["interfaces"][number],
  pci: Plug,
  pcie: Plug,
  virtio: Virtio,
): Plug | undefined {
  const { model, type } = device;
  // A card of the host is nearly always one of PCI Express.
  if (type === "hostdev" || model === undefined || model === "e1000e") return pcie;
  if (model === "usb-net") return undefined;
  return model.startsWith("virtio") ? virtio(model) : pci;
}

function videoPlug(type: string, pci: Plug, pcie: Plug, virtio: Virtio): Plug | undefined {
  switch (type) {
    case "virtio":
      return virtio(undefined);
    case "bochs":
      return pcie;
    case "default":
    case "gop":
    case "none":
    case "ramfb":
      return undefined;
    default:
      return pci;
  }
}

function hostdevPlug(
  device: DevicesDraft["hostdevs"][number],
  { express, host }: PlugContext,
  virtio: Virtio,
): Plug | undefined {
  const pcie = endpoint(express ? "pcie" : "pci");
  if (device.mode !== "subsystem") return undefined;
  switch (device.type) {
    case "mdev":
      return device.model === "vfio-pci" ? pcie : undefined;
    case "scsi_host":
      return virtio(device.model);
    case "pci": {
      if (!express || hasPlace(device)) return pcie;
      const address = hostPciAddress(device);
      const known = address === undefined ? undefined : host.isExpress(address);
      return known === false ? endpoint("pci") : pcie;
    }
    default:
      return undefined;
  }
}

/** Where a device of the host that is handed to the guest sits there. */
export function hostPciAddress(
  device: DevicesDraft["hostdevs" | "interfaces"][number],
): HostPciAddress | undefined {
  if (device.type === "pci") return whole(device.source.address);
  if (device.type !== "hostdev") return undefined;
  const { address } = device.source;
  return address?.type === "pci" ? whole(address) : undefined;
}

function whole({ domain = 0, bus = 0, slot = 0, function: fn = 0 }: Partial<HostPciAddress>): HostPciAddress {
  return { domain, bus, slot, function: fn };
}
