import { refuse } from "../refuse.ts";
import type { DomainDraft } from "../walk.ts";
import { walkList } from "../walk.ts";
import { addressOf } from "./placed.ts";

/** Gives memory modules the lowest free slots of the board; only a guest with room for more memory has slots. */
export function assignDimmSlots(draft: DomainDraft): void {
  const slots = draft.maxMemory?.slots ?? 0;
  if (slots === 0) return;
  const modules = walkList(draft, "memories");
  const taken = new Set(modules.flatMap(({ device }) => addressOf(device, "dimm")?.slot ?? []));
  for (const { device, path } of modules) {
    if (device.model !== "dimm" && device.model !== "nvdimm") continue;
    if (addressOf(device, "dimm") !== undefined) continue;
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    if (slot >= slots)
      refuse(path, `all ${slots} slots for memory are taken; raise maxMemory/@slots`, "CONFIG_UNSUPPORTED");
    taken.add(slot);
    device.address = { type: "dimm", slot };
  }
}
