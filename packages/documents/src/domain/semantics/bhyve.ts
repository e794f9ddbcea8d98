import type { DomainDefinition } from "../model.ts";
import type { HypervisorRules } from "./common/complete.ts";
import { completeDraft } from "./common/complete.ts";
import { needController } from "./common/controllers.ts";
import type { DiskDraft } from "./common/disks.ts";
import { targetIndex } from "./common/disks.ts";
import { draftOf } from "./draft.ts";
import { PciBus } from "./pci/bus.ts";
import { PciBuses } from "./pci/buses.ts";
import { hasPlace, placeOf, setPlace, wantsPci } from "./pci/place.ts";
import type { Plug } from "./pci/socket.ts";
import { endpoint } from "./pci/socket.ts";
import { refuse } from "./refuse.ts";
import type { DomainDraft, Walked } from "./walk.ts";
import { walk, walkList } from "./walk.ts";

export interface BhyveCompletion {
  readonly arch: string;
  /** Disks that fit on one SATA controller: 32, or 1 before FreeBSD 12. */
  readonly disksPerController: 32 | 1;
  readonly inactive?: boolean;
}

/** Writes down what a definition means for bhyve of FreeBSD. @throws XML_INVALID, CONFIG_UNSUPPORTED */
export function completeBhyveDomain(
  definition: DomainDefinition,
  { arch, disksPerController, inactive = true }: BhyveCompletion,
): DomainDefinition {
  const draft = draftOf(definition);
  const rules: HypervisorRules = {
    machine(d) {
      d.os.type.arch ??= arch;
      needController(d, { type: "pci", index: 0, model: "pci-root" });
      if (needsIsa(d)) needController(d, { type: "isa", index: 0 });
    },
    device: (d, walked) => completeDevice(d, walked, disksPerController),
    places: assignPlaces,
  };
  completeDraft(draft, rules, { newDomain: false, inactive });
  // libvirt forgets arguments that are not those of a program of its own.
  if (draft.bootloader === undefined) delete draft.bootloaderArgs;
  return draft;
}

/** Firmware, serial ports and screens sit behind the bridge to ISA. */
function needsIsa({ os, bootloader, devices }: DomainDraft): boolean {
  const firmware = (bootloader === undefined && os.loader !== undefined) || os.firmwareKind === "efi";
  const terminals = devices.serials.length + devices.consoles.length > 0;
  return firmware || terminals || (devices.graphics.length > 0 && devices.videos.length > 0);
}

function completeDevice(draft: DomainDraft, walked: Walked, disksPerController: number): void {
  const { list, device, path } = walked;
  if (list === "disks" && device.address === undefined && device.target.bus === "sata")
    assignDrive(device, path, disksPerController);
  if (list === "videos" && (device.model === undefined || device.model.type === "default"))
    device.model = { ...device.model, type: "gop" };
  if (list === "controllers" && device.type === "pci" && device.model === "pci-root" && device.index !== 0)
    refuse(`${path}/@index`, "a root bus is the PCI controller with index 0");
  if (list === "controllers" && device.type === "isa" && device.index !== 0)
    refuse(`${path}/@index`, "there is one bridge to ISA, the controller with index 0");
  if ((list === "serials" || list === "consoles") && device.type === "nmdm") {
    const uuid = draft.uuid ?? "";
    device.source ??= { master: `/dev/nmdm${uuid}A`, slave: `/dev/nmdm${uuid}B` };
  }
}

function assignDrive(disk: DiskDraft, path: string, disksPerController: number): void {
  const index = targetIndex(disk.target.dev);
  if (index === undefined)
    return refuse(
      `${path}/target/@dev`,
      `"${disk.target.dev}" does not say which disk it is, as sda or sdb do`,
    );
  const controller = Math.floor(index / disksPerController);
  disk.address = { type: "drive", controller, bus: 0, target: 0, unit: index % disksPerController };
}

const PLUG: Plug = { ...endpoint("pci"), endpoint: false };
const LPC = { bus: 0, slot: 1, function: 0 };

function assignPlaces(draft: DomainDraft): void {
  const buses = new PciBuses([new PciBus("pci-root")], {
    manyRoots: false,
    pcieToPciBridge: false,
    growing: false,
  });
  for (const { device, path } of walk(draft))
    if (hasPlace(device)) buses.claim(placeOf(device), PLUG, `${path}/address`);
  // The bridge to ISA is in slot 1 unless somebody put something else there.
  if (!buses.isTaken(LPC.bus, LPC.slot)) {
    buses.claim(LPC, PLUG, "devices/controller");
    const isa = draft.devices.controllers.find((c) => c.type === "isa" && wantsPci(c));
    if (isa !== undefined) setPlace(isa, LPC);
  }
  const onPci = [
    ...walkList(draft, "controllers").filter(({ device }) => isOnPci(device)),
    ...walkList(draft, "interfaces"),
    ...walkList(draft, "disks").filter(({ device }) => device.target.bus === "virtio"),
    ...walkList(draft, "videos"),
    ...walkList(draft, "sounds"),
    ...walkList(draft, "filesystems"),
  ];
  for (const { device, path } of onPci) if (wantsPci(device)) setPlace(device, buses.next(PLUG, path));
}

function isOnPci(controller: DomainDraft["devices"]["controllers"][number]): boolean {
  switch (controller.type) {
    case "pci":
      return controller.model !== "pci-root";
    case "usb":
      return controller.model === "nec-xhci";
    case "sata":
    case "isa":
      return true;
    default:
      return false;
  }
}
