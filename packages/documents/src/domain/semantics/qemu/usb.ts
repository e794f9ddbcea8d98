import type { PlacedAt } from "../addresses/placed.ts";
import { assignUsbPorts, hasUsbPort, hubsNeeded } from "../addresses/usb.ts";
import { refuse } from "../refuse.ts";
import type { DomainDraft, Walked } from "../walk.ts";
import { walkList } from "../walk.ts";

/**
 * Gives every USB device its port, adding hubs when there are too few. Guests that ran before keep what QEMU
 * chose for them, unless all of it is written down.
 */
export function assignUsbPlaces(draft: DomainDraft, newDomain: boolean): void {
  const hubs = walkList(draft, "hubs");
  const devices = usbDevices(draft);
  if (!newDomain && ![...hubs, ...devices].every(({ device }) => hasUsbPort(device))) return;
  const buses = draft.devices.controllers.flatMap((c) =>
    c.type === "usb" ? [{ index: c.index ?? 0, model: c.model, ports: c.ports }] : [],
  );
  if (hubs.length + devices.length > 0 && buses.every((bus) => bus.model === "none"))
    refuse(
      devices[0]?.path ?? hubs[0]?.path ?? "devices",
      "there are USB devices, but no USB controller",
      "CONFIG_UNSUPPORTED",
    );
  const missing = hubsNeeded(buses, hubs.length, hubs.length + devices.length);
  for (let i = 0; i < missing; i += 1) draft.devices.hubs.push({ type: "usb" });
  assignUsbPorts(buses, walkList(draft, "hubs"), devices);
}

function usbDevices(draft: DomainDraft): readonly PlacedAt[] {
  const of = <W extends Walked>(walked: readonly W[], is: (w: W) => boolean): readonly PlacedAt[] =>
    walked.filter(is);
  return [
    ...of(walkList(draft, "hostdevs"), ({ device }) => device.type === "usb"),
    ...of(walkList(draft, "disks"), ({ device }) => device.target.bus === "usb"),
    ...of(walkList(draft, "controllers"), ({ device }) => device.type === "ccid"),
    ...of(walkList(draft, "inputs"), ({ device }) => device.bus === "usb"),
    ...of(walkList(draft, "serials"), ({ device }) => device.target?.type === "usb-serial"),
    ...of(walkList(draft, "sounds"), ({ device }) => device.model === "usb"),
    ...of(walkList(draft, "redirdevs"), ({ device }) => device.bus === "usb"),
  ];
}
