import type { Sound } from "@virtmesh/documents/domain/devices/sound";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { SOUNDS } from "./names.ts";
import { type Pair, unsupported } from "./setting.ts";
import { isHvm } from "./to-machine.ts";

/** Sound cards, which only guests with hardware of their own have. @throws CONFIG_UNSUPPORTED */
export function soundSettings(definition: DomainDefinition): readonly Pair[] {
  const cards = definition.devices.sounds.map(soundOf);
  return cards.length === 0 || !isHvm(definition) ? [] : [["soundhw", cards.join(",")]];
}

/** What QEMU calls it. @throws CONFIG_UNSUPPORTED */
export function soundOf({ model }: Sound, i: number): string {
  if (model in SOUNDS) return SOUNDS[model as keyof typeof SOUNDS];
  throw unsupported(
    `sound cards of guests of Xen are ${Object.keys(SOUNDS).join(", ")}, not ${model}`,
    `devices/sound[${i + 1}]/@model`,
  );
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
