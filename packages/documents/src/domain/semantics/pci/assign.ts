import type { PlacedAt } from "../addresses/placed.ts";
import { refuse } from "../refuse.ts";
import type { Board } from "../qemu/machine.ts";
import type { HostDevices, QemuTraits } from "../qemu/traits.ts";
import type { DomainDraft, Walked } from "../walk.ts";
import { walk, walkList } from "../walk.ts";
import { isPciModel, PciBus } from "./bus.ts";
import type { PciModel } from "./bus.ts";
import { PciBuses } from "./buses.ts";
import { settleI440fx, settleQ35 } from "./chipset.ts";
import { completeControllers } from "./controller-options.ts";
import { hasPlace, placeOf, setPlace, wantsPci } from "./place.ts";
import { hostPciAddress, plugOf } from "./plug.ts";
import type { PlugContext } from "./plug.ts";
import type { Plug } from "./socket.ts";
import { endpoint } from "./socket.ts";

export interface PciSituation {
  readonly board: Board;
  readonly supportsPci: boolean;
  readonly traits: QemuTraits;
  readonly host: HostDevices;
}

/**
 * Gives every PCI device of a guest its place, and adds the controllers that are needed for it. It is done twice:
 * first to learn which buses are missing, then, with all of them there, for good, so that what is decided does
 * not depend on whether the controllers were written down before.
 */
export function assignPciPlaces(draft: DomainDraft, situation: PciSituation): void {
  const last = Math.max(-1, ...pciControllers(draft).map((c) => c.index ?? 0));
  if (last >= 0) new Assignment(draft, situation, last + 1, true).findBuses();
  const count = Math.max(-1, ...pciControllers(draft).map((c) => c.index ?? 0)) + 1;
  const assignment = new Assignment(draft, situation, count, false);
  if (!situation.supportsPci) return;
  assignment.place();
  markMultifunction(draft);
  completeControllers(draft, situation);
}

export function pciControllers({ devices }: DomainDraft) {
  return devices.controllers.filter((c) => c.type === "pci");
}

/** The model of the root bus; a guest without PCI has none. */
export function rootModel(draft: DomainDraft): string | undefined {
  return pciControllers(draft).find((c) => (c.index ?? 0) === 0)?.model;
}

class Assignment {
  private readonly draft: DomainDraft;
  private readonly situation: PciSituation;
  private readonly context: PlugContext;
  private readonly growing: boolean;
  private readonly count: number;
  private readonly buses: PciBuses;

  constructor(draft: DomainDraft, situation: PciSituation, count: number, growing: boolean) {
    this.draft = draft;
    this.situation = situation;
    this.growing = growing;
    this.count = count;
    const express = rootModel(draft) === "pcie-root";
    this.context = {
      express,
      virtio: express && situation.traits.devices.has("virtio-blk-pci-non-transitional") ? "pcie" : "pci",
      host: situation.host,
    };
    this.buses = new PciBuses(this.busesOfControllers(count), {
      manyRoots: situation.board === "pseries",
      pcieToPciBridge: situation.traits.devices.has("pcie-pci-bridge"),
      growing,
    });
    for (const walked of this.walk()) this.collect(walked);
  }

  /** Finds places for everything without writing them down, and adds the controllers that it took. */
  findBuses(): void {
    this.settleBoard();
    const spare = { device: {}, path: "devices" };
    const root = rootModel(this.draft);
    // Room for one more bridge, so that the guest can grow.
    if (root === "pci-root" && !this.buses.allFull) this.buses.next(endpoint("pci"), spare.path);
    this.placeAll();
    // Whoever leaves controllers to us gets a free port for hotplug.
    if (this.count <= 1 && this.buses.models.length > this.count && root === "pcie-root")
      this.buses.next(endpoint("pcie"), spare.path);
    // The list grows while bridges themselves find no room.
    for (let index = 1; index < this.buses.models.length; index += 1) {
      const model = this.buses.models[index];
      if (model === undefined || pciControllers(this.draft).some((c) => c.index === index)) continue;
      const { controllers } = this.draft.devices;
      controllers.push({ type: "pci", index, model });
      const added = walkList(this.draft, "controllers").at(-1);
      if (added !== undefined && model !== "pci-root" && model !== "pcie-root") this.next(added);
    }
  }

  place(): void {
    this.settleBoard();
    this.placeAll();
  }

  private settleBoard(): void {
    const next = (device: PlacedAt) => this.next(device as Walked);
    if (this.situation.board === "i440fx" && this.count > 0) settleI440fx(this.draft, this.buses, next);
    if (this.situation.board === "q35" && this.count > 0) settleQ35(this.draft, this.buses, next);
  }

  private busesOfControllers(count: number): readonly PciBus[] {
    const pseries = this.situation.board === "pseries";
    const given = new Map<number, string | undefined>();
    for (const [i, c] of this.draft.devices.controllers.entries()) {
      if (c.type !== "pci") continue;
      if (c.model === undefined || !isPciModel(c.model))
        refuse(`devices/controller[${i + 1}]/@model`, `a PCI controller of model "${c.model}" is not known`);
      given.set(c.index ?? 0, c.model);
    }
    const otherwise: PciModel = pseries
      ? "pci-root"
      : [...given.values()].includes("pcie-root")
        ? "pcie-root-port"
        : "pci-bridge";
    return Array.from({ length: count }, (_, index) => {
      const model = (given.get(index) ?? (index === 0 ? "pci-root" : otherwise)) as PciModel;
      // Devices of the host never share the first bus of pseries with emulated ones.
      return new PciBus(model, { groupFixed: pseries && index === 0 });
    });
  }

  private walk(): readonly Walked[] {
    return walk(this.draft);
  }

  private collect(walked: Walked): void {
    const { device, path } = walked;
    if (!hasPlace(device)) return;
    const place = placeOf(device);
    if (walked.list === "controllers" && place.bus === 0 && place.slot === 1 && isPiix3(walked)) {
      // The board takes these places itself.
      if (this.buses.models.length > 0 && this.buses.models[0] !== "pci-root")
        refuse(`${path}/address`, "this controller is part of PIIX3, which sits on conventional PCI only");
      return;
    }
    // Some devices that need no address on PCI were once given one.
    const plug = plugOf(walked, this.context) ?? { ...endpoint("pci"), endpoint: false };
    const claimed = this.buses.claim(place, plug, `${path}/address`, this.group(walked));
    if (claimed.bus !== place.bus) setPlace(device, claimed);
  }

  private group(walked: Walked): number {
    if (this.situation.board !== "pseries") return 0;
    if (walked.list !== "hostdevs" && walked.list !== "interfaces") return 0;
    const address = hostPciAddress(walked.device);
    const group = address === undefined ? undefined : this.situation.host.iommuGroup(address);
    return group === undefined ? 0 : group + 1;
  }

  private next(walked: Walked, fn?: number, multifunction?: boolean): void {
    const place = this.buses.next(this.plug(walked), walked.path, this.group(walked), fn);
    if (!this.growing) setPlace(walked.device, place, multifunction);
  }

  private plug(walked: Walked): Plug {
    return (
      plugOf(walked, this.context) ??
      refuse(
        walked.path,
        "this device cannot be connected to PCI; give it an address of its own kind",
        "CONFIG_UNSUPPORTED",
      )
    );
  }

  /** In the order in which QEMU itself once numbered devices, so that old guests keep their places. */
  private placeAll(): void {
    const { draft } = this;
    const each = <W extends Walked>(walked: readonly W[], when: (w: W) => boolean = () => true) => {
      for (const w of walked) if (when(w) && wantsPci(w.device)) this.next(w);
    };
    each(
      walkList(draft, "controllers"),
      ({ device }) => device.type === "pci" && device.model !== "pci-root" && device.model !== "pcie-root",
    );
    each(walkList(draft, "filesystems"));
    each(walkList(draft, "interfaces"), ({ device }) => device.type !== "hostdev");
    each(walkList(draft, "sounds"), ({ device }) => !["sb16", "pcspk", "usb"].includes(device.model));
    this.placeControllers();
    for (const w of walkList(draft, "disks")) {
      if (w.device.target.bus !== "virtio") continue;
      if (hasPlace(w.device) || ["ccw", "virtio-mmio"].includes(w.device.address?.type ?? "")) continue;
      if (!wantsPci(w.device))
        refuse(`${w.path}/address`, `a virtio disk cannot have an address of type ${w.device.address?.type}`);
      this.next(w);
    }
    const ofHost = walkList(draft, "interfaces").filter(({ device }) => device.type === "hostdev");
    each(ofHost);
    each(walkList(draft, "hostdevs"), (w) => plugOf(w, this.context) !== undefined);
    each(walkList(draft, "memballoons"), ({ device }) => device.model !== "none");
    each(walkList(draft, "rngs"));
    each(walkList(draft, "watchdogs"), ({ device }) => device.model === "i6300esb");
    each(walkList(draft, "videos"), ({ device }) => !["none", "ramfb"].includes(device.model?.type ?? ""));
    each(walkList(draft, "shmems"));
    each(walkList(draft, "inputs"), ({ device }) => device.bus === "virtio");
    each(walkList(draft, "serials"), ({ device }) => device.target?.type === "pci-serial");
    each(walkList(draft, "iommus"), ({ device }) => device.model === "virtio");
    each(walkList(draft, "vsocks"));
    each(
      walkList(draft, "memories"),
      ({ device }) => device.model === "virtio-pmem" || device.model === "virtio-mem",
    );
    each(walkList(draft, "cryptos"));
    each(walkList(draft, "panics"), ({ device }) => device.model === "pvpanic");
    each(walkList(draft, "pstore"));
  }

  private placeControllers(): void {
    for (const w of walkList(this.draft, "controllers")) {
      const { device } = w;
      if (!wantsPci(device)) continue;
      switch (device.type) {
        case "pci":
        case "fdc":
        case "ccid":
        case "nvme":
          break;
        case "usb":
          if (device.model === "none") break;
          if (ICH9_FUNCTIONS.has(device.model ?? "")) this.placeCompanion(w);
          else this.next(w);
          break;
        case "ide":
          if ((device.index ?? 0) !== 0) this.next(w);
          break;
        case "scsi":
          if (device.model !== "ncr53c90") this.next(w);
          break;
        case "isa":
        case "sata":
        case "virtio-serial":
        case "xenbus":
          this.next(w);
          break;
      }
    }
  }

  /** The controllers of an ICH9 USB 2 bus are functions of one slot. */
  private placeCompanion(w: Extract<Walked, { readonly list: "controllers" }>): void {
    const { device, path } = w;
    const fn = ICH9_FUNCTIONS.get(device.model ?? "") ?? 0;
    const multifunction = fn === 0 ? true : undefined;
    const sibling = this.draft.devices.controllers.find(
      (c) =>
        c.type === "usb" &&
        ICH9_FUNCTIONS.has(c.model ?? "") &&
        (c.index ?? 0) === (device.index ?? 0) &&
        hasPlace(c),
    );
    if (sibling === undefined) return this.next(w, fn, multifunction);
    const place = { ...placeOf(sibling), function: fn };
    // As with what a definition names: it is written down although places are only being counted.
    setPlace(device, this.buses.claim(place, this.plug(w), path), multifunction);
  }
}

const ICH9_FUNCTIONS: ReadonlyMap<string, number> = new Map([
  ["ich9-uhci1", 0],
  ["ich9-uhci2", 1],
  ["ich9-uhci3", 2],
  ["ich9-ehci1", 7],
]);

function isPiix3({ device }: Extract<Walked, { readonly list: "controllers" }>): boolean {
  if ((device.index ?? 0) !== 0) return false;
  const { function: fn } = placeOf(device);
  if (device.type === "ide") return fn === 1;
  return device.type === "usb" && fn === 2 && (device.model === undefined || device.model === "piix3-uhci");
}

/** Function 0 of a slot must say when the slot has other functions. */
function markMultifunction(draft: DomainDraft): void {
  const all = walk(draft).filter(({ device }) => device.address?.type === "pci");
  const slots = new Set(
    all.flatMap(({ device }) => {
      const { bus, slot, function: fn } = placeOf(device);
      return fn === 0 ? [] : [`${bus}:${slot}`];
    }),
  );
  for (const { device } of all) {
    const { bus, slot, function: fn } = placeOf(device);
    if (fn !== 0 || !slots.has(`${bus}:${slot}`)) continue;
    if (device.address?.type === "pci") device.address.multifunction ??= true;
  }
}
