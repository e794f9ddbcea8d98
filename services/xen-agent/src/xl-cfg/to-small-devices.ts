import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { SOUNDS } from "./names.ts";
import type { Pair } from "./setting.ts";
import { isHvm, some } from "./to-machine.ts";

/** Sound cards. */
export function soundSettings({ devices }: DomainDefinition): readonly Pair[] {
  const models = devices.sounds.map(({ model }) => SOUNDS[model] ?? model);
  return some("soundhw", models.length === 0 ? undefined : models.join(","));
}

/** Pointers and keyboards on USB; the others are there anyway. */
export function inputSettings(definition: DomainDefinition): readonly Pair[] {
  const types = definition.devices.inputs.flatMap(({ bus, type }) => (bus === "usb" ? [type] : []));
  const [first] = types;
  if (first === undefined || !isHvm(definition)) return [];
  return [
    ["usb", 1],
    ["usbdevice", types.length === 1 ? first : types],
  ];
}
