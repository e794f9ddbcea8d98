import type { DomainDefinition } from "../model.ts";
import type { Draft } from "./draft.ts";

export type DomainDraft = Draft<DomainDefinition>;
export type DevicesDraft = DomainDraft["devices"];

/** Every list of devices that have a place in the guest, in the order in which places are looked at. */
export const PLACED_LISTS = [
  ["disks", "disk"],
  ["interfaces", "interface"],
  ["sounds", "sound"],
  ["hostdevs", "hostdev"],
  ["videos", "video"],
  ["controllers", "controller"],
  ["smartcards", "smartcard"],
  ["serials", "serial"],
  ["parallels", "parallel"],
  ["channels", "channel"],
  ["consoles", "console"],
  ["inputs", "input"],
  ["filesystems", "filesystem"],
  ["watchdogs", "watchdog"],
  ["memballoons", "memballoon"],
  ["rngs", "rng"],
  ["hubs", "hub"],
  ["shmems", "shmem"],
  ["tpms", "tpm"],
  ["panics", "panic"],
  ["memories", "memory"],
  ["redirdevs", "redirdev"],
  ["iommus", "iommu"],
  ["vsocks", "vsock"],
  ["cryptos", "crypto"],
  ["pstore", "pstore"],
] as const satisfies readonly (readonly [keyof DevicesDraft, string])[];

export type PlacedList = (typeof PLACED_LISTS)[number][0];

/** What a list has, or what there is at most one of. */
type DeviceOf<L extends PlacedList> =
  NonNullable<DevicesDraft[L]> extends readonly (infer D)[] ? D : NonNullable<DevicesDraft[L]>;

/** A device of a draft, with the list it is in and its path below /domain. */
export type Walked = {
  [L in PlacedList]: {
    readonly list: L;
    readonly device: DeviceOf<L>;
    readonly path: string;
  };
}[PlacedList];

/** All devices that have a place. The first console that is a serial port once more is left out. */
export function walk(draft: DomainDraft): readonly Walked[] {
  return PLACED_LISTS.flatMap(([list]): readonly Walked[] => walkList(draft, list));
}

export function walkList<L extends PlacedList>(
  draft: DomainDraft,
  list: L,
): readonly Extract<Walked, { readonly list: L }>[] {
  const element = PLACED_LISTS.find(([name]) => name === list)?.[1] ?? list;
  const devices = [draft.devices[list] ?? []].flat() as readonly DeviceOf<L>[];
  return devices.flatMap((device, i) => {
    if (list === "consoles" && i === 0 && isSerialAgain(draft)) return [];
    const path = `devices/${element}[${i + 1}]`;
    return [{ list, device, path } as unknown as Extract<Walked, { readonly list: L }>];
  });
}

/** Whether the first console only stands for the first serial port, as it does unless it says otherwise. */
export function isSerialAgain({ os, devices }: DomainDraft): boolean {
  const type = devices.consoles[0]?.target?.type;
  return os.type.kind === "hvm" && (type === undefined || type === "serial");
}
