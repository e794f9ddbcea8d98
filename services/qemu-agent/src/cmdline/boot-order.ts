import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";

/** `bootindex` of disks and network cards. */
export type BootOrder = ReadonlyMap<Disk | Interface, number>;

/**
 * The order of the devices themselves, or what `<boot dev>` of `<os>` means: the first device of each kind. A
 * guest with neither, and without a kernel of its own, starts from its first disk.
 */
export function bootOrder({ os, devices }: DomainDefinition): BootOrder {
  const bootable = [...devices.disks, ...devices.interfaces];
  const explicit = bootable.flatMap((d): [Disk | Interface, number][] =>
    d.boot === undefined ? [] : [[d, d.boot.order]],
  );
  const others = [...devices.hostdevs, ...devices.redirdevs, ...devices.filesystems];
  if (explicit.length > 0 || others.some((d) => d.boot !== undefined)) return new Map(explicit);
  const kinds =
    os.boot.length > 0 ? os.boot.map((b) => b.dev) : os.kernel === undefined ? (["hd"] as const) : [];
  const order = new Map<Disk | Interface, number>();
  for (const [i, kind] of kinds.entries()) {
    const first = bootable.find((d) => kindOf(d) === kind && !order.has(d));
    if (first !== undefined) order.set(first, i + 1);
  }
  return order;
}

function kindOf(device: Disk | Interface): "hd" | "cdrom" | "fd" | "network" {
  if (!("target" in device) || !("device" in device)) return "network";
  if (device.device === "cdrom") return "cdrom";
  return device.device === "floppy" ? "fd" : "hd";
}
