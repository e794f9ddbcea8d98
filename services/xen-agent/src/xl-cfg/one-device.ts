import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { completeXenDomain } from "@virtmesh/documents/domain/semantics/xen";
import type { Pair } from "./setting.ts";
import { cardSettings } from "./to-cards.ts";
import { diskSettings } from "./to-disks.ts";

/** One disk of a guest, as `xl block-attach` takes it. @throws CONFIG_UNSUPPORTED */
export function diskWord(definition: DomainDefinition, disk: Disk): string {
  return onlyText(diskSettings(alone(definition, { disks: [disk] })));
}

/** One card of a guest, as `xl network-attach` takes it: a word for each setting. @throws CONFIG_UNSUPPORTED */
export function cardWords(definition: DomainDefinition, card: Interface): readonly string[] {
  // No setting has a comma in it: those that have are refused.
  return onlyText(cardSettings(alone(definition, { interfaces: [card] }), "xl")).split(",");
}

function alone(
  definition: DomainDefinition,
  devices: Partial<DomainDefinition["devices"]>,
): DomainDefinition {
  const none = { disks: [], interfaces: [] };
  return completeXenDomain({ ...definition, devices: { ...definition.devices, ...none, ...devices } });
}

function onlyText([pair]: readonly Pair[]): string {
  const value = pair?.[1];
  return Array.isArray(value) ? String(value[0]) : "";
}
