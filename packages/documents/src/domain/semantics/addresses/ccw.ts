import { refuse } from "../refuse.ts";
import type { AddressOf, PlacedAt } from "./placed.ts";
import { addressOf } from "./placed.ts";

/** Virtio devices of s390 sit in this channel subsystem. */
const VIRTIO_CSSID = 0xfe;
const LAST_DEVNO = 0xffff;
const LAST_SSID = 3;

/** Gives every device with a CCW address a number: those given stay, the others get the lowest free ones. */
export function assignCcwNumbers(devices: readonly PlacedAt[]): void {
  const taken = new Set<string>();
  for (const { device, path } of devices) {
    const address = addressOf(device, "ccw");
    if (address === undefined || !isComplete(address)) continue;
    const number = textOf(address);
    if (taken.has(number))
      refuse(`${path}/address`, `the CCW device number ${number} is that of another device already`);
    taken.add(number);
  }
  const next = { cssid: VIRTIO_CSSID, ssid: 0, devno: 0 };
  for (const { device, path } of devices) {
    const address = addressOf(device, "ccw");
    if (address === undefined || isComplete(address)) continue;
    while (taken.has(textOf(next))) {
      next.devno += 1;
      if (next.devno <= LAST_DEVNO) continue;
      next.devno = 0;
      next.ssid += 1;
      if (next.ssid > LAST_SSID) refuse(path, "no CCW device number is left", "CONFIG_UNSUPPORTED");
    }
    device.address = { type: "ccw", ...next };
    taken.add(textOf(next));
  }
}

type Ccw = AddressOf<"ccw">;

function isComplete({ cssid, ssid, devno }: Ccw): boolean {
  return cssid !== undefined && ssid !== undefined && devno !== undefined;
}

function textOf({ cssid = 0, ssid = 0, devno = 0 }: Omit<Ccw, "type">): string {
  return `${cssid.toString(16)}.${ssid}.${devno.toString(16).padStart(4, "0")}`;
}
