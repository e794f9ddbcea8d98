import type { Placed } from "../addresses/placed.ts";
import { addressOf } from "../addresses/placed.ts";
import type { DomainDraft } from "../walk.ts";
import { walk } from "../walk.ts";
import type { PciPlace } from "./buses.ts";

/** Whether the device sits somewhere on PCI already; 0000:00:00 is the host bridge and means nowhere. */
export function hasPlace(device: Placed): boolean {
  const address = addressOf(device, "pci");
  return address !== undefined && (address.domain || address.bus || address.slot || 0) !== 0;
}

/** Whether the device may be given a place on PCI: it has no address, or one that only says PCI. */
export function wantsPci(device: Placed): boolean {
  return device.address === undefined || (device.address.type === "pci" && !hasPlace(device));
}

/** Writes down all of the numbers of a place, of which those that are 0 can be left out. */
export function completePciAddresses(draft: DomainDraft): void {
  for (const { device } of walk(draft)) if (hasPlace(device)) setPlace(device, placeOf(device));
}

export function placeOf(device: Placed): PciPlace {
  const address = addressOf(device, "pci");
  return { bus: address?.bus ?? 0, slot: address?.slot ?? 0, function: address?.function ?? 0 };
}

/** Puts a device there; that it has other functions beside it is said by `multifunction`. */
export function setPlace(device: Placed, place: PciPlace, multifunction?: boolean): void {
  const before = addressOf(device, "pci");
  device.address = {
    ...before,
    type: "pci",
    domain: 0,
    ...place,
    ...(multifunction === undefined ? {} : { multifunction }),
  };
}
