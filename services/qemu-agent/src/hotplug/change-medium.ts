import { VirtError } from "@virtmesh/core/errors";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { diskBlockParts, driveNode, hasMedium } from "../cmdline/block/disk.ts";
import type { DeviceContext } from "../cmdline/context.ts";
import { diskDeviceId } from "../cmdline/ids.ts";
import type { Guest } from "../domain/guest.ts";
import { makeAll, perform, unmakeAll } from "./plug.ts";
import { type PlugStep, plugSteps } from "./plug-steps.ts";

/** A drive of the guest before and after the change of its medium, and its place in the definition, for messages. */
export interface MediumChange {
  readonly from: Disk;
  readonly to: Disk;
  readonly path: string;
  readonly force: boolean;
}

/**
 * Opens the tray, changes what lies in it, and closes it. The old medium is put back when the new one cannot be opened.
 * @throws GUEST_REFUSED, DEADLINE when the guest keeps the tray locked
 */
export async function changeMedium(
  guest: Guest,
  c: DeviceContext,
  { from, to, path, force }: MediumChange,
  signal: AbortSignal,
): Promise<void> {
  const id = diskDeviceId(from);
  await openTray(guest, from, force, signal);
  const mediumSteps = (disk: Disk): readonly PlugStep[] =>
    hasMedium(disk) ? plugSteps(diskBlockParts(c, disk, path)) : [];
  const old = mediumSteps(from);
  await perform(guest, { command: "blockdev-remove-medium", args: { id } });
  await unmakeAll(guest, old);
  try {
    await insert(c, guest, to, mediumSteps(to));
  } catch (e) {
    await insert(c, guest, from, old);
    throw e;
  } finally {
    await perform(guest, { command: "blockdev-close-tray", args: { id } });
  }
}

async function insert(c: DeviceContext, guest: Guest, disk: Disk, steps: readonly PlugStep[]): Promise<void> {
  if (steps.length === 0) return;
  await makeAll(guest, steps, NEVER);
  const args = { id: diskDeviceId(disk), "node-name": driveNode(c, disk) };
  try {
    await perform(guest, { command: "blockdev-insert-medium", args });
  } catch (e) {
    await unmakeAll(guest, steps);
    throw e;
  }
}

const NEVER = new AbortController().signal;
/** QEMU's words when the guest has locked the tray; it has asked the guest to open it then. */
const LOCKED = /is locked/i;

async function openTray(guest: Guest, disk: Disk, force: boolean, signal: AbortSignal): Promise<void> {
  const id = diskDeviceId(disk);
  const opened = Promise.withResolvers<void>();
  using _listening = guest.qmp.onEvent((event) => {
    if (event.event === "DEVICE_TRAY_MOVED" && event.data.id === id && event.data["tray-open"])
      opened.resolve();
  });
  try {
    await perform(guest, { command: "blockdev-open-tray", args: { id, force } });
    return;
  } catch (e) {
    if (!VirtError.is(e) || !LOCKED.test(e.message)) throw e;
  }
  const giveUp = (): void => {
    const why = VirtError.from(signal.reason);
    opened.reject(why.reason === "DEADLINE" ? keptShut(guest, disk) : why);
  };
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    await opened.promise;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function keptShut(guest: Guest, disk: Disk): VirtError {
  return new VirtError(
    "GUEST_REFUSED",
    `guest "${guest.name}" keeps the tray of drive ${disk.target.dev} locked; unmount what lies in it, or use force`,
    { resource: { type: "domain", name: guest.name } },
  );
}
