import { isPpc64, isS390, isX86 } from "./machine.ts";

/** A machine type of a binary. */
export interface MachineTraits {
  readonly name: string;
  /** The name without its version, for which `name` stands now: `q35`. */
  readonly alias?: string;
  /** The CPU model of a guest that names none, by accelerator: `qemu64`, `host`. */
  readonly defaultCpu?: { readonly kvm?: string; readonly qemu?: string };
}

/** What of a QEMU binary and its host the meaning of a definition depends on. */
export interface QemuTraits {
  readonly emulator: string;
  /** The architecture of a guest that names none. */
  readonly arch: string;
  /** Device types that the binary has, by QEMU's names: `pcie-root-port`. */
  readonly devices: ReadonlySet<string>;
  readonly machines: readonly MachineTraits[];
  /** What `<type>` without a machine means. */
  readonly defaultMachine?: string;
  /** `-cpu host,migratable=` is known. */
  readonly cpuMigratable: boolean;
  /** `vfio-pci` can show what a mediated device draws. */
  readonly vfioDisplay: boolean;
  /** GIC versions that work, by accelerator. */
  readonly gicVersions: { readonly kvm: readonly string[]; readonly qemu: readonly string[] };
  /** `host-model` works for guests of that accelerator. */
  readonly hostModel: boolean;
}

/** What the host says about its PCI devices that are handed to guests. */
export interface HostDevices {
  /** Undefined when the device is not there; then it counts as one of PCI Express, as nearly all are. */
  isExpress(address: HostPciAddress): boolean | undefined;
  /** Devices of a group can only be handed on together. */
  iommuGroup(address: HostPciAddress): number | undefined;
}

export interface HostPciAddress {
  readonly domain: number;
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
}

export const UNKNOWN_HOST: HostDevices = { isExpress: () => undefined, iommuGroup: () => undefined };

const EVERYWHERE = [
  "virtio-blk-pci",
  "virtio-blk-pci-non-transitional",
  "virtio-net-pci",
  "virtio-scsi-pci",
  "pcie-root-port",
  "ioh3420",
  "pcie-pci-bridge",
  "pci-bridge",
  "qemu-xhci",
  "nec-usb-xhci",
  "pci-ohci",
  "rtl8139",
  "e1000",
  "e1000e",
  "lsi53c895a",
  "VGA",
];
const BY_ARCH: Readonly<Record<string, readonly string[]>> = {
  x86: ["piix3-usb-uhci", "ich9-usb-ehci1", "cirrus-vga", "i82801b11-bridge"],
  virt: ["gpex-pcihost", "virtio-mmio"],
  s390: ["zpci", "vfio-ccw"],
};

/** A recent QEMU that was built with everything: for definitions that are completed away from any host. */
export function latestQemu(arch: string): QemuTraits {
  const family = isX86(arch) ? "x86" : isS390(arch) ? "s390" : isPpc64(arch) ? "ppc64" : "virt";
  return {
    arch,
    emulator: `/usr/bin/qemu-system-${EMULATOR_ARCH[arch] ?? arch}`,
    devices: new Set([...(family === "s390" ? ["virtio-net-ccw"] : EVERYWHERE), ...(BY_ARCH[family] ?? [])]),
    machines: [],
    ...(DEFAULT_MACHINE[family] === undefined ? {} : { defaultMachine: DEFAULT_MACHINE[family] }),
    cpuMigratable: family === "x86",
    vfioDisplay: family !== "s390",
    gicVersions: { kvm: [], qemu: [] },
    hostModel: true,
  };
}

const EMULATOR_ARCH: Readonly<Record<string, string>> = {
  i686: "i386",
  armv6l: "arm",
  armv7l: "arm",
  ppc64le: "ppc64",
};

const DEFAULT_MACHINE: Readonly<Record<string, string>> = {
  x86: "pc",
  s390: "s390-ccw-virtio",
  ppc64: "pseries",
  virt: "virt",
};
