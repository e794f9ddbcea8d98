import { rootModel } from "../pci/assign.ts";
import type { DomainDraft } from "../walk.ts";
import { walk, walkList } from "../walk.ts";
import type { Board } from "./machine.ts";
import type { QemuTraits } from "./traits.ts";

type VirtioTransport = "pci" | "ccw" | "virtio-mmio";

/** Chooses the transport of virtio devices on boards that have others than PCI. */
export function chooseAddressKinds(draft: DomainDraft, board: Board, traits: QemuTraits): void {
  switch (board) {
    case "s390-ccw":
      if (traits.devices.has("vfio-ccw")) useCcwForMediated(draft);
      useTransport(draft, "ccw");
      break;
    case "arm-virt":
    case "riscv-virt":
    case "vexpress":
      useTransport(draft, armTransport(draft, traits));
      break;
    default:
      break;
  }
}

/** PCI where there is PCI Express with ports, unless the guest has devices on virtio-mmio already. */
function armTransport(draft: DomainDraft, { devices }: QemuTraits): VirtioTransport | undefined {
  const ports = devices.has("pcie-root-port") || devices.has("ioh3420");
  const onMmio = walk(draft).some(({ device }) => device.address?.type === "virtio-mmio");
  if (rootModel(draft) === "pcie-root" && ports && !onMmio) return "pci";
  return devices.has("virtio-mmio") ? "virtio-mmio" : undefined;
}

function useCcwForMediated(draft: DomainDraft): void {
  for (const { device } of walkList(draft, "hostdevs")) {
    if (device.type !== "mdev") continue;
    if (device.model === "vfio-ccw") device.address ??= { type: "ccw" };
    if (device.model === "vfio-ap") delete device.address;
  }
}

function useTransport(draft: DomainDraft, transport: VirtioTransport | undefined): void {
  if (transport === undefined) return;
  for (const walked of walk(draft)) {
    if (walked.device.address !== undefined || !isVirtio(walked, transport)) continue;
    walked.device.address = { type: transport };
  }
}

function isVirtio(walked: ReturnType<typeof walk>[number], transport: VirtioTransport): boolean {
  switch (walked.list) {
    case "disks":
      return walked.device.target.bus === "virtio";
    case "interfaces":
      return walked.device.model?.startsWith("virtio") === true;
    case "videos":
      return walked.device.model?.type === "virtio";
    case "inputs":
      return walked.device.bus === "virtio";
    case "controllers":
      return walked.device.type === "virtio-serial" || walked.device.type === "scsi";
    case "hostdevs":
      return walked.device.type === "scsi_host";
    case "memballoons":
      return walked.device.model !== "none";
    case "rngs":
    case "cryptos":
      return true;
    case "memories":
      return walked.device.model === "virtio-pmem" || walked.device.model === "virtio-mem";
    case "filesystems":
    case "vsocks":
      return transport === "ccw";
    default:
      return false;
  }
}
