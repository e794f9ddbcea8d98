import { refuseAt } from "../../schema/refuse.ts";
import type { Address } from "../devices/common.ts";
import { DEVICE_LISTS } from "../devices.ts";
import type { DomainDefinition } from "../model.ts";

/**
 * Refuses a definition for what its elements say together. `path` is below /domain.
 * @throws XML_INVALID
 */
export function refuse(path: string, what: string, remedy = ""): never {
  refuseAt(`/domain/${path}`, what, remedy);
}

/** A device as the checks see it that concern all kinds of devices. */
export interface AnyDevice {
  readonly alias?: string;
  readonly address?: Address;
  readonly boot?: { readonly order: number; readonly loadparm?: string };
}

export interface Placed {
  readonly list: (typeof DEVICE_LISTS)[number][0];
  readonly device: AnyDevice;
  /** Below /domain: `devices/disk[2]`. */
  readonly path: string;
}

/** All devices that have an address, in the order of the document. */
export function allDevices({ devices }: DomainDefinition): readonly Placed[] {
  return DEVICE_LISTS.flatMap(([list, name]) =>
    (devices[list] as readonly AnyDevice[]).map((device, i) => ({
      list,
      device,
      path: `devices/${name}[${i + 1}]`,
    })),
  );
}

/** Each of a list with its path: `devices/disk[2]`. */
export function* numbered<T>(list: readonly T[], path: string): Generator<readonly [T, string]> {
  for (const [i, item] of list.entries()) yield [item, `${path}[${i + 1}]`];
}

/** Guests that QEMU runs, whatever accelerates them. */
export function isQemu({ type }: DomainDefinition): boolean {
  return type === "qemu" || type === "kvm" || type === "hvf";
}
