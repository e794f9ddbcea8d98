import type { Vlan } from "../domain/devices/network-parts.ts";
import { yesNo } from "../schema/kinds.ts";
import { maybe } from "../schema/parts.ts";
import { element } from "../schema/schema.ts";

/** Whether ports of a bridge see each other. */
export const portOptionsSchema = element({ isolated: maybe("isolated", yesNo) });

/** As libvirt writes it: several tags, or a native one, are a trunk; `trunk='no'` is said by leaving it out. */
export function normalVlan(vlan: Vlan): Vlan {
  const { trunk, ...rest } = vlan;
  return trunk === true || vlan.tags.length > 1 ? { trunk: true, ...rest } : rest;
}
