import type { DiskBus } from "../../devices/disk.ts";
import type { DomainDraft } from "../walk.ts";
import { findController, needController } from "./controllers.ts";

type DriveController = "scsi" | "fdc" | "ide" | "sata";

/** Adds the controllers that devices sit on and nobody wrote down. */
export function addImpliedControllers(draft: DomainDraft): void {
  for (const type of ["scsi", "fdc", "ide", "sata"] as const) addDriveControllers(draft, type, type);
  const { channels, consoles } = draft.devices;
  for (const device of [...channels, ...consoles]) {
    if (device.target?.type !== "virtio") continue;
    const index = device.address?.type === "virtio-serial" ? device.address.controller : 0;
    needController(draft, { type: "virtio-serial", index });
  }
  addSmartcardControllers(draft);
  addScsiHostControllers(draft);
}

function addDriveControllers(draft: DomainDraft, type: DriveController, bus: DiskBus): void {
  const indexes = draft.devices.disks.flatMap((disk) =>
    disk.target.bus === bus && disk.address?.type === "drive" ? [disk.address.controller] : [],
  );
  const last = Math.max(-1, ...indexes);
  for (let index = 0; index <= last; index += 1) needController(draft, { type, index });
}

/** Card readers take the next slot of the first CCID controller. */
function addSmartcardControllers(draft: DomainDraft): void {
  const { smartcards } = draft.devices;
  for (const card of smartcards) {
    const index = card.address?.type === "ccid" ? card.address.controller : 0;
    if (card.address === undefined) {
      const taken = smartcards.flatMap(({ address }) =>
        address?.type === "ccid" && address.controller === 0 ? [address.slot] : [],
      );
      card.address = { type: "ccid", controller: 0, slot: Math.max(-1, ...taken) + 1 };
    }
    needController(draft, { type: "ccid", index });
  }
}

/** Controllers for SCSI devices of the host; a new one is of the model of the last. */
export function addScsiHostControllers(draft: DomainDraft): void {
  let last = -1;
  let model: string | undefined;
  for (const { type, address } of draft.devices.hostdevs) {
    if (type !== "scsi") continue;
    const index = address?.type === "drive" ? address.controller : 0;
    if (index <= last) continue;
    last = index;
    model = findController(draft, "scsi", index)?.model ?? model;
  }
  for (let index = 0; index <= last; index += 1) {
    needController(draft, { type: "scsi", index, ...(model === undefined ? {} : { model: model as never }) });
  }
}

/** A screen that somebody can see needs a graphics card. */
export function addImpliedVideo({ devices }: DomainDraft): void {
  if (devices.graphics.length > 0 && devices.videos.length === 0)
    devices.videos.push({ model: { type: "default" } });
}
