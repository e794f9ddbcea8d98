import { findController, needController } from "../common/controllers.ts";
import type { ControllerDraft } from "../common/controllers.ts";
import { refuse } from "../refuse.ts";
import type { DomainDraft } from "../walk.ts";
import type { Board } from "./machine.ts";
import { isPpc64, isS390, isX86 } from "./machine.ts";
import type { QemuTraits } from "./traits.ts";

type UsbModel = Extract<ControllerDraft, { type: "usb" }>["model"];

/** What a machine comes with when its definition does not say otherwise. */
interface Equipment {
  readonly root?: "pci-root" | "pcie-root";
  /** `default` is that of the architecture. */
  readonly usb?: NonNullable<UsbModel> | "default";
  readonly sata?: boolean;
  readonly balloon: boolean;
  /** Keyboard and mouse on USB for guests with a screen. */
  readonly usbInput?: boolean;
  readonly panic?: boolean;
}

function equipmentOf(arch: string, board: Board, traits: QemuTraits): Equipment {
  const has = (device: string) => traits.devices.has(device);
  const express = has("gpex-pcihost") ? { root: "pcie-root" as const } : {};
  switch (arch) {
    case "i686":
    case "x86_64": {
      if (board === "isapc") return { balloon: true };
      if (board === "q35") return { root: "pcie-root", sata: true, balloon: true, ...q35Usb(has) };
      return { ...(board === "i440fx" ? { root: "pci-root" } : {}), usb: "default", balloon: true };
    }
    case "armv6l":
      return { ...(board === "versatilepb" ? { root: "pci-root" } : {}), balloon: false };
    case "armv7l":
    case "aarch64":
      return { ...(board === "arm-virt" ? express : {}), balloon: false };
    case "ppc64":
    case "ppc64le":
      return { root: "pci-root", usb: "default", balloon: true, usbInput: true, panic: board === "pseries" };
    case "alpha":
    case "ppc":
    case "ppcemb":
    case "sh4":
    case "sh4eb":
    case "sparc64":
      return { root: "pci-root", usb: "default", balloon: true };
    case "riscv32":
    case "riscv64":
      return { ...(board === "riscv-virt" ? express : {}), balloon: true };
    case "s390":
    case "s390x":
      return { ...(has("zpci") ? { root: "pci-root" } : {}), balloon: true, panic: true };
    case "sparc":
      return { balloon: false };
    default:
      return { ...(board === "malta" ? { root: "pci-root" } : {}), usb: "default", balloon: true };
  }
}

/** USB 3 where there is, else USB 2, else none. */
function q35Usb(has: (device: string) => boolean): { usb?: NonNullable<UsbModel> } {
  if (has("qemu-xhci")) return { usb: "qemu-xhci" };
  if (has("nec-usb-xhci")) return { usb: "nec-xhci" };
  return has("ich9-usb-ehci1") ? { usb: "ich9-ehci1" } : {};
}

/** Adds what the machine comes with: input devices, root buses, USB, SATA, a balloon, a panic device. */
export function addDefaultDevices(draft: DomainDraft, board: Board, traits: QemuTraits): void {
  const arch = draft.os.type.arch ?? "";
  const { devices } = draft;
  const equipment = equipmentOf(arch, board, traits);
  if (isX86(arch)) {
    needInput(draft, "mouse", "ps2");
    needInput(draft, "keyboard", "ps2");
  }
  if (equipment.usb !== undefined && findController(draft, "usb", 0) === undefined)
    addUsb(draft, equipment.usb === "default" ? undefined : equipment.usb);
  if (equipment.sata === true) needController(draft, { type: "sata", index: 0 });
  if (equipment.root !== undefined) needRoot(draft, equipment.root);
  if (equipment.balloon && devices.memballoons.length === 0) devices.memballoons.push({ model: "virtio" });
  if (equipment.usbInput === true && devices.graphics.length > 0) {
    const tablet = devices.inputs.some((i) => i.type === "tablet" && i.bus === "usb");
    needInput(draft, "keyboard", "usb");
    // A mouse beside a tablet makes the pointer jump.
    if (!tablet) needInput(draft, "mouse", "usb");
  }
  if (equipment.panic === true) {
    const own = isPpc64(arch) ? "pseries" : isS390(arch) ? "s390" : undefined;
    if (!devices.panics.some(({ model }) => model === undefined || model === own)) devices.panics.push({});
  }
}

function needInput({ devices }: DomainDraft, type: "mouse" | "keyboard", bus: "ps2" | "usb"): void {
  if (!devices.inputs.some((i) => i.type === type && i.bus === bus)) devices.inputs.push({ type, bus });
}

function needRoot(draft: DomainDraft, model: "pci-root" | "pcie-root"): void {
  const root = findController(draft, "pci", 0);
  if (root !== undefined && root.model !== model) {
    const at = draft.devices.controllers.indexOf(root) + 1;
    refuse(
      `devices/controller[${at}]/@model`,
      `the PCI controller 0 of this machine is ${model}, here it is ${root.model}`,
    );
  }
  needController(draft, { type: "pci", index: 0, model });
}

function addUsb({ devices }: DomainDraft, model: UsbModel): void {
  const usb = { type: "usb", index: 0 } as const;
  devices.controllers.push(model === undefined ? { ...usb } : { ...usb, model });
  if (model !== "ich9-ehci1") return;
  for (const [i, companion] of (["ich9-uhci1", "ich9-uhci2", "ich9-uhci3"] as const).entries())
    devices.controllers.push({ ...usb, model: companion, master: 2 * i });
}

/** The model of a USB controller that names none. */
export function defaultUsbModel(
  arch: string,
  hasAddress: boolean,
  newDomain: boolean,
  traits: QemuTraits,
): UsbModel {
  const has = (device: string) => traits.devices.has(device);
  const usb3 = has("qemu-xhci") ? "qemu-xhci" : has("nec-usb-xhci") ? "nec-xhci" : undefined;
  const usb1 = has("piix3-usb-uhci") ? "piix3-uhci" : undefined;
  if (isS390(arch)) return hasAddress ? usb1 : "none";
  // What guests of pseries have had must stay as it was.
  if (isPpc64(arch)) return (newDomain ? usb3 : undefined) ?? (has("pci-ohci") ? "pci-ohci" : undefined);
  return arch === "aarch64" ? (usb3 ?? usb1) : usb1;
}
