import type { Disk } from "@virtmesh/documents/domain/devices/disk";

/** Id of a disk's device: `disk-vda`, as in QMP's `/machine/peripheral/disk-vda`. */
export function diskDeviceId(disk: Disk): string {
  return disk.alias ?? `disk-${disk.target.dev}`;
}

/** Id of a network card's device, by its place in `devices.interfaces`; its netdev is `host<id>`. */
export function interfaceDeviceId(index: number): string {
  return `net${index}`;
}

export type ChardevKind = "serial" | "parallel" | "console" | "channel";

/** Id of the host's side of a character device: `charserial0`. */
export function chardevId(kind: ChardevKind, index: number): string {
  return `char${kind}${index}`;
}

/** Id of its device in the guest: `serial0`, `channel0`. */
export function chardevDeviceId(kind: ChardevKind, index: number): string {
  return `${kind}${index}`;
}

/** Name of the socket in the guest's directory for a channel of type unix that names no path itself. */
export function channelSocketName(index: number): string {
  return `channel${index}.sock`;
}
