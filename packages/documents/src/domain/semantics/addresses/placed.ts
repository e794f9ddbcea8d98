import type { Address } from "../../devices/common.ts";
import type { Draft } from "../draft.ts";

/** A device of a draft, as far as its place is concerned. */
export interface Placed {
  address?: Draft<Address>;
}

export type AddressOf<T extends Address["type"]> = Extract<Draft<Address>, { type: T }>;

/** A device with its path below /domain. */
export interface PlacedAt<D extends Placed = Placed> {
  readonly device: D;
  readonly path: string;
}

/** The address of a device if it is of that type. */
export function addressOf<T extends Address["type"]>(device: Placed, type: T): AddressOf<T> | undefined {
  return device.address?.type === type ? (device.address as AddressOf<T>) : undefined;
}
