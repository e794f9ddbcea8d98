import { addDevices } from "./abi/devices.ts";
import { machineView } from "./abi/machine.ts";
import type { Facts } from "./facts.ts";
import { factsOf } from "./facts.ts";
import type { DomainDefinition } from "./model.ts";

/** One thing that a guest would see change. */
export interface AbiDifference {
  /** The element: `devices/disk[vda]/target/@bus`. */
  readonly path: string;
  /** What each has; empty for nothing. */
  readonly from: string;
  readonly to: string;
}

/**
 * Everything that differs between two definitions and that the guest can see: a guest that migrates from `a`
 * to `b` must find the same hardware. Host sides (paths of images, networks, listen addresses, terminals), names
 * and titles may differ.
 */
export function compareAbi(a: DomainDefinition, b: DomainDefinition): readonly AbiDifference[] {
  const from = visible(a);
  const to = visible(b);
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((path) => {
    const left = from.get(path) ?? "";
    const right = to.get(path) ?? "";
    return left === right ? [] : [{ path, from: left, to: right }];
  });
}

/** What the guest sees. Devices that have a name are found by it, so that their order may differ. */
function visible(definition: DomainDefinition): Facts {
  const facts = factsOf(machineView(definition));
  addDevices(facts, definition.devices);
  return facts;
}
