import { aliasOf } from "@virtmesh/documents/domain/find-device";
import type { FoundDevice } from "@virtmesh/documents/domain/one-device";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Guest } from "../domain/guest.ts";
import type { LaunchSite } from "../domain/launch.ts";
import { awaitEvent } from "../migration/await-event.ts";
import { stepsOf } from "./hardware.ts";
import { unmakeAll } from "./plug.ts";
import { hostSteps, type PlugStep } from "./plug-steps.ts";

/** Longer than QEMU takes from letting go of a device to deleting it. */
const DELETION_MS = 2000;

/** The host side is busy until QEMU has deleted the device, which may not have been heard. */
async function unmakeWhenFree(guest: Guest, alias: string, steps: readonly PlugStep[]): Promise<void> {
  const deleted = awaitEvent(
    guest.qmp,
    (event) => event.event === "DEVICE_DELETED" && event.data.device === alias,
    DELETION_MS,
  );
  if ((await unmakeAll(guest, steps)).length === 0) return;
  await deleted;
  await unmakeAll(guest, steps);
}

/** Takes away the host side of a device that the guest has let go of: images, networks, files, taps. */
export async function releaseHostSide(
  guest: Guest,
  before: IdentifiedDomain,
  gone: FoundDevice,
  site: LaunchSite,
): Promise<void> {
  const { running } = guest;
  const steps = await stepsOf(before, gone, site, running.allotment);
  const alias = aliasOf(gone) ?? "";
  await unmakeWhenFree(guest, alias, hostSteps(steps));
  const tap = running.allotment.taps[alias];
  if (tap === undefined) return;
  await site.taps.remove({ [alias]: tap });
  const { [alias]: _, ...taps } = running.allotment.taps;
  await running.conclude({ allotment: { taps } });
}
