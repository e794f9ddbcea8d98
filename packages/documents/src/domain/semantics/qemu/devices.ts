import type { Draft } from "../draft.ts";
import type { BackingStore } from "../../devices/storage-source.ts";
import type { ControllerDraft } from "../common/controllers.ts";
import type { DiskDraft } from "../common/disks.ts";
import { refuse } from "../refuse.ts";
import type { DevicesDraft, DomainDraft } from "../walk.ts";
import { defaultUsbModel } from "./default-devices.ts";
import type { Board } from "./machine.ts";
import { hasBuiltInEsp, isArm, isPpc64, isS390 } from "./machine.ts";
import type { QemuTraits } from "./traits.ts";

/** Images are raw unless they say otherwise, and QEMU itself is what reads them. */
export function completeQemuDisk(disk: DiskDraft): void {
  disk.driver = { name: "qemu", ...disk.driver };
  if (disk.type !== "volume") disk.driver.type ??= "raw";
  if (disk.mirror !== undefined) disk.mirror.format ??= { type: "raw" };
  if (disk.source !== undefined && "encryption" in disk.source && disk.source.encryption !== undefined)
    disk.source.encryption.engine ??= "qemu";
  if (disk.encryption !== undefined) disk.encryption.engine ??= "qemu";
  let store: Draft<BackingStore> | undefined = disk.backingStore;
  while (store !== undefined && store.type !== "none") {
    if (store.source?.encryption !== undefined) store.source.encryption.engine ??= "qemu";
    store = store.backingStore;
  }
}

const PPC64_STEP = 256n * 1024n * 1024n;

/** Memory of pseries is plugged in steps of 256 MiB; what lies in a file must not become larger than it. */
export function alignMemory(device: DevicesDraft["memories"][number], path: string): void {
  const { target } = device;
  if (device.model !== "nvdimm") {
    target.size = ((target.size + PPC64_STEP - 1n) / PPC64_STEP) * PPC64_STEP;
    return;
  }
  const label = target.label?.size ?? 0n;
  const steps = (target.size - label) / PPC64_STEP;
  if (steps < 1n) refuse(`${path}/target/size`, "an NVDIMM of pseries has at least 256 MiB beside its label");
  target.size = steps * PPC64_STEP + label;
}

/** The network card of a guest that does not say which: what most systems know without a driver. */
function defaultCard(arch: string, board: Board, { devices }: QemuTraits): string {
  if (isS390(arch) || board === "arm-virt" || board === "riscv-virt") return "virtio";
  if (isArm(arch)) return board === "versatilepb" ? "smc91c111" : "lan9118";
  if (devices.has("rtl8139")) return "rtl8139";
  if (devices.has("e1000")) return "e1000";
  return devices.has("virtio-net-pci") ? "virtio" : "rtl8139";
}

export function completeInterface(
  device: DevicesDraft["interfaces"][number],
  arch: string,
  board: Board,
  traits: QemuTraits,
): void {
  if (device.type === "hostdev") return;
  if (device.type === "network" && device.actual?.type === "hostdev") return;
  device.model ??= device.type === "vdpa" ? "virtio" : defaultCard(arch, board, traits);
}

const QXL_VGAMEM_KIB = 16 * 1024;

export function completeQemuVideo(
  video: DevicesDraft["videos"][number],
  arch: string,
  board: Board,
  traits: QemuTraits,
): void {
  const model = (video.model ??= { type: "default" });
  if (model.type === "default") model.type = defaultVideoType(arch, board, traits);
  if (model.type === "qxl") model.vgamem = model.vgamem || QXL_VGAMEM_KIB;
}

function defaultVideoType(arch: string, board: Board, { devices }: QemuTraits): "vga" | "virtio" | "cirrus" {
  if (isPpc64(arch)) return "vga";
  if (board === "arm-virt" || board === "riscv-virt" || isS390(arch)) return "virtio";
  if (devices.has("cirrus-vga")) return "cirrus";
  if (devices.has("VGA")) return "vga";
  return refuse(
    "devices/video",
    "QEMU has no graphics card that guests use without being told; name one in <model>",
  );
}

export function completePanic(device: DevicesDraft["panics"][number], arch: string, board: Board): void {
  device.model ??= board === "pseries" ? "pseries" : isS390(arch) ? "s390" : "isa";
}

export function completeTpm(device: DevicesDraft["tpms"][number], arch: string, board: Board): void {
  device.model ??= isPpc64(arch) ? "tpm-spapr" : "tpm-tis";
  if (device.backend.type !== "emulator") return;
  const only2 = device.model === "tpm-spapr" || device.model === "tpm-crb" || board === "arm-virt";
  device.backend.version ??= only2 ? "2.0" : "1.2";
}

const DEFAULT_SHARED_BYTES = 4n * 1024n * 1024n;

export function completeShmem(device: DevicesDraft["shmems"][number]): void {
  const model = (device.model ??= "ivshmem");
  if (model !== "ivshmem-doorbell") device.size ??= DEFAULT_SHARED_BYTES;
  if (model === "ivshmem" || device.server === undefined) return;
  device.msi = { ...device.msi, ioeventfd: device.msi?.ioeventfd ?? true };
}

function defaultScsi(arch: string, machine: string, board: Board, { devices }: QemuTraits) {
  if (board === "pseries") return "ibmvscsi";
  if (isS390(arch)) return "virtio-scsi";
  if (devices.has("lsi53c895a")) return "lsilogic";
  if (devices.has("virtio-scsi-pci")) return "virtio-scsi";
  return hasBuiltInEsp(arch, machine) ? "ncr53c90" : undefined;
}

/** Ports that a USB 3 controller of QEMU can have. */
const XHCI_PORTS = 15;

export function completeController(
  draft: DomainDraft,
  device: ControllerDraft,
  path: string,
  board: Board,
  { traits, newDomain }: { readonly traits: QemuTraits; readonly newDomain: boolean },
): void {
  const { arch = "", machine = "" } = draft.os.type;
  switch (device.type) {
    case "scsi": {
      const model = device.model ?? defaultScsi(arch, machine, board, traits);
      if (model === undefined)
        return refuse(`${path}/@model`, "QEMU has no SCSI controller that is used without being named");
      device.model = model;
      if (device.driver?.iothread !== undefined && !model.startsWith("virtio"))
        refuse(`${path}/driver/@iothread`, "only SCSI controllers of virtio can have an I/O thread");
      break;
    }
    case "usb": {
      const model = device.model ?? defaultUsbModel(arch, device.address !== undefined, newDomain, traits);
      if (model !== undefined) device.model = model;
      if (model === "qusb1" || model === "qusb2")
        refuse(`${path}/@model`, `a USB controller of model ${model} is one of Xen`, "CONFIG_UNSUPPORTED");
      if (model?.endsWith("xhci") === true && (device.ports ?? 0) > XHCI_PORTS)
        refuse(`${path}/@ports`, `a ${model} has at most ${XHCI_PORTS} ports`, "CONFIG_UNSUPPORTED");
      break;
    }
    case "pci":
      checkPciController(draft, device, path, board);
      break;
    default:
      break;
  }
}

function checkPciController(
  draft: DomainDraft,
  device: Extract<ControllerDraft, { type: "pci" }>,
  path: string,
  board: Board,
): void {
  const root = device.model === "pci-root" || device.model === "pcie-root";
  if (root && device.index !== 0 && board !== "pseries")
    refuse(`${path}/@index`, "a root bus is the PCI controller with index 0");
  if (device.model === "pci-expander-bus" && board !== "i440fx")
    refuse(`${path}/@model`, "pci-expander-bus is for i440FX machines only", "CONFIG_UNSUPPORTED");
  if (device.model === "pcie-expander-bus" && board !== "q35" && board !== "arm-virt")
    refuse(
      `${path}/@model`,
      "pcie-expander-bus is for q35 and virt machines of ARM only",
      "CONFIG_UNSUPPORTED",
    );
  const node = device.target?.node;
  const cells = draft.cpu?.numa?.cells.length ?? 0;
  if (node !== undefined && node >= cells)
    refuse(`${path}/target/node`, `there is no NUMA node ${node}, the guest has ${cells} of them`);
}
