import type { Devices } from "./devices.ts";
import type { DeviceListName } from "./one-device.ts";

type Device<L extends DeviceListName> = Devices[L][number];

const KEYS: { readonly [L in DeviceListName]?: (device: Device<L>, number: number) => string | undefined } = {
  disks: (d) => d.target.dev,
  controllers: (d) => `${d.type},${d.index ?? 0}${usbFunction(d)}`,
  interfaces: (d) => d.mac?.address,
  filesystems: (d) => d.target,
  serials: port,
  parallels: port,
  consoles: port,
  channels: (d) => channelName(d),
  shmems: (d) => d.name,
  leases: (d) => d.key,
  audios: (d) => String(d.id),
};

/** The name by which the same device is found in another definition; undefined where only its number tells. */
export function deviceKey<L extends DeviceListName>(
  list: L,
  device: Device<L>,
  number: number,
): string | undefined {
  const key = KEYS[list];
  return key?.(device, number);
}

/** By which a guest finds a channel; that of SPICE needs no name. */
export function channelName(channel: Device<"channels">): string | undefined {
  return channel.target.name ?? (channel.type === "spicevmc" ? "com.redhat.spice.0" : undefined);
}

function port({ target }: Device<"serials">, number: number): string {
  return String(target?.port ?? number - 1);
}

/** The USB 2 controllers of ICH9 share an index. */
function usbFunction(controller: Device<"controllers">): string {
  return controller.type === "usb" && controller.model?.startsWith("ich9-") === true
    ? `,${controller.model}`
    : "";
}
