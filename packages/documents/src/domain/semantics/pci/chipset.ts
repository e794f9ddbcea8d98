import type { Placed, PlacedAt } from "../addresses/placed.ts";
import { refuse } from "../refuse.ts";
import type { DomainDraft } from "../walk.ts";
import { walkList } from "../walk.ts";
import type { PciBuses, PciPlace } from "./buses.ts";
import { textOf } from "./buses.ts";
import { hasPlace, placeOf, setPlace, wantsPci } from "./place.ts";
import type { Plug } from "./socket.ts";
import { endpoint } from "./socket.ts";

/** Puts a device into the next free slot. */
export type PutNext = (device: PlacedAt) => void;

/** Takes the places of what i440FX and its PIIX3 have built in, and puts the first graphics card where QEMU does. */
export function settleI440fx(draft: DomainDraft, buses: PciBuses, next: PutNext): void {
  const plug = endpoint("pci");
  for (const { device, path } of walkList(draft, "controllers")) {
    if ((device.index ?? 0) !== 0) continue;
    const usb = device.type === "usb" && (device.model === undefined || device.model === "piix3-uhci");
    if (device.type !== "ide" && !usb) continue;
    fix(device, path, { bus: 0, slot: 1, function: device.type === "ide" ? 1 : 2 });
    buses.claim(placeOf(device), plug, path);
  }
  // The bridge to ISA and the power management.
  for (const fn of [0, 3]) buses.claim({ bus: 0, slot: 1, function: fn }, plug, "os/type");
  settleVideo(draft, buses, next, plug, 2);
}

/** The same for q35 and its ICH9: SATA, USB 2, sound and the bridge to PCI have places that guests expect. */
export function settleQ35(draft: DomainDraft, buses: PciBuses, next: PutNext): void {
  const plug: Plug = { ...endpoint("pcie"), endpoint: false };
  for (const { device, path } of walkList(draft, "controllers")) {
    if (device.type === "sata" && (device.index ?? 0) === 0) {
      fix(device, path, { bus: 0, slot: 0x1f, function: 2 });
    } else if (device.type === "usb" && device.model === "ich9-uhci1" && device.address === undefined) {
      const slot = [0x1d, 0x1a].find((s) => !buses.isTaken(0, s));
      if (slot === undefined) continue;
      const place = buses.claim({ bus: 0, slot, function: 0 }, plug, path);
      setPlace(device, place, true);
    } else if (
      device.type === "pci" &&
      device.model === "dmi-to-pci-bridge" &&
      device.address === undefined &&
      !buses.isTaken(0, 0x1e)
    ) {
      setPlace(device, buses.claim({ bus: 0, slot: 0x1e, function: 0 }, plug, path));
    }
  }
  // The bridge to ISA and the SMBus.
  for (const fn of [0, 3]) buses.claim({ bus: 0, slot: 0x1f, function: fn }, plug, "os/type");
  settleVideo(draft, buses, next, plug, 1);
  if (buses.isTaken(0, 0x1b)) return;
  const sound = walkList(draft, "sounds").find(({ device }) => device.model === "ich9" && wantsPci(device));
  if (sound !== undefined)
    setPlace(sound.device, buses.claim({ bus: 0, slot: 0x1b, function: 0 }, plug, sound.path));
}

function fix(device: Placed, path: string, place: PciPlace): void {
  if (!hasPlace(device)) return setPlace(device, place);
  const given = placeOf(device);
  if (given.bus === place.bus && given.slot === place.slot && given.function === place.function) return;
  refuse(
    `${path}/address`,
    `this controller is built into the board at ${textOf(place)}, its address is ${textOf(given)}`,
  );
}

function settleVideo(draft: DomainDraft, buses: PciBuses, next: PutNext, plug: Plug, slot: number): void {
  const [video] = walkList(draft, "videos");
  if (video === undefined || !wantsPci(video.device)) return;
  const type = video.device.model?.type;
  if (type === "none" || type === "ramfb") return;
  const place = { bus: 0, slot, function: 0 };
  buses.check(place, plug, video.path);
  if (buses.isTaken(0, slot)) next(video);
  else setPlace(video.device, buses.claim(place, plug, video.path));
}
