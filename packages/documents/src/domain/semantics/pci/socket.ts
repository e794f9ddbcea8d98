/** The kinds of sockets that PCI controllers offer, each taking one kind of device. */
export type Socket =
  | "pci"
  | "pcie"
  | "pcie-root-port"
  | "pcie-switch-upstream-port"
  | "pcie-switch-downstream-port"
  | "dmi-to-pci-bridge"
  | "pcie-to-pci-bridge"
  | "pci-bridge"
  | "pci-expander-bus"
  | "pcie-expander-bus";

/** How a device connects to PCI. */
export interface Plug {
  readonly socket: Socket;
  /** It may only be put where devices are placed by themselves; controllers are placed anywhere they fit. */
  readonly endpoint: boolean;
  /** Several of its kind may sit in one slot as its functions: root ports do. */
  readonly sharesSlot: boolean;
  /** It belongs on the root bus although endpoints otherwise do not: a virtio IOMMU. */
  readonly integrated: boolean;
}

/** An ordinary device. */
export function endpoint(socket: "pci" | "pcie"): Plug {
  return { socket, endpoint: true, sharesSlot: false, integrated: false };
}

/** A PCI controller that sits on another one. */
export function bridge(socket: Socket): Plug {
  return { socket, endpoint: false, sharesSlot: socket === "pcie-root-port", integrated: false };
}
