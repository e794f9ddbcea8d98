import type { Arguments, Json, Options } from "./arguments.ts";
import type { ChardevSpec } from "./chardev-option.ts";
import { chardevOption } from "./chardev-option.ts";

/**
 * What one device of the guest is made of, in the order in which QEMU must get it: at start as arguments, later as
 * `object-add`, `chardev-add`, `blockdev-add`, `netdev_add` and `device_add`.
 */
export interface DeviceParts {
  readonly objects?: readonly Json[];
  readonly chardevs?: readonly ChardevSpec[];
  readonly blockdevs?: readonly Json[];
  readonly netdevs?: readonly Json[];
  /** What QEMU takes at its start only. */
  readonly options?: readonly CommandLineOption[];
  readonly devices?: readonly Json[];
}

/** `-fsdev local,id=fs0,...`. */
export interface CommandLineOption {
  readonly name: string;
  readonly kind?: string;
  readonly values: Options;
}

/** Everything of several devices, each kind in order. */
export function joinParts(...all: readonly DeviceParts[]): DeviceParts {
  return {
    objects: all.flatMap((p) => p.objects ?? []),
    chardevs: all.flatMap((p) => p.chardevs ?? []),
    blockdevs: all.flatMap((p) => p.blockdevs ?? []),
    netdevs: all.flatMap((p) => p.netdevs ?? []),
    options: all.flatMap((p) => p.options ?? []),
    devices: all.flatMap((p) => p.devices ?? []),
  };
}

export function addParts(args: Arguments, parts: DeviceParts): void {
  for (const object of parts.objects ?? []) args.json("-object", object);
  for (const chardev of parts.chardevs ?? []) args.flag("-chardev", chardevOption(chardev));
  for (const node of parts.blockdevs ?? []) args.json("-blockdev", node);
  for (const netdev of parts.netdevs ?? []) args.json("-netdev", netdev);
  for (const { name, kind, values } of parts.options ?? []) args.options(name, kind, values);
  for (const device of parts.devices ?? []) args.json("-device", device);
}
