import { VirtError } from "@virtmesh/core/errors";
import { aliasOf } from "@virtmesh/documents/domain/find-device";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import {
  deviceUpdated,
  type FoundDevice,
  type OneDevice,
  withDeviceReplaced,
} from "@virtmesh/documents/domain/one-device";
import { checkDisks, imageUsers } from "../domain/disk-check.ts";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import type { LaunchSite } from "../domain/launch.ts";
import { etagAfter } from "./attach.ts";
import { changeMedium } from "./change-medium.ts";
import { deviceContext } from "./hardware.ts";
import { perform } from "./plug.ts";
import { throttleOf } from "../cmdline/throttle.ts";
import { type LiveUpdate, liveUpdate } from "./update.ts";

export interface UpdateOptions {
  readonly guest: Guest;
  readonly guests: Guests;
  readonly site: LaunchSite;
  readonly found: FoundDevice;
  readonly wanted: OneDevice;
  readonly persistent: IdentifiedDomain | undefined;
  readonly force: boolean;
  readonly signal: AbortSignal;
}

/** Changes a device of a guest that runs where it is. */
export async function updateLive(o: UpdateOptions): Promise<void> {
  const { guest, guests, found, persistent } = o;
  const { running } = guest;
  const device = deviceUpdated(found, o.wanted);
  const change = liveUpdate(guest.name, found, device);
  const alias = aliasOf(found) ?? "";
  const after = withDeviceReplaced(running.definition, found, device);
  await carryOut(o, change, after);
  if (change.kind === "nothing" && persistent === undefined) return;
  const { deviations } = running;
  await running.conclude({
    definition: after,
    allotment: { etag: etagAfter(guest, persistent) },
    deviations: persistent === undefined ? [...new Set([...deviations, alias])] : deviations,
  });
  guests.events.emit(guest, { kind: "device", type: "updated", device: alias, detail: "" });
}

async function carryOut(o: UpdateOptions, change: LiveUpdate, after: IdentifiedDomain): Promise<void> {
  const { guest, found } = o;
  switch (change.kind) {
    case "nothing":
      return;
    case "link":
      await perform(guest, {
        command: "set_link",
        args: { name: aliasOf(found) ?? "", up: change.up },
      });
      return;
    case "memory":
      await requestMemory(guest, aliasOf(found) ?? "", change.requestedBytes, o.signal);
      return;
    case "disk": {
      if (change.medium) {
        await checkImage(o, after);
        const c = await deviceContext(after, o.site, guest.running.allotment);
        const path = `devices/disk[${found.index + 1}]`;
        await changeMedium(guest, c, { from: change.from, to: change.to, path, force: o.force }, o.signal);
      }
      // Limits belong to what lies in the drive.
      if (change.to.source !== undefined)
        await perform(guest, { command: "block_set_io_throttle", args: throttleOf(change.to) });
    }
  }
}

async function checkImage({ guest, guests, found }: UpdateOptions, after: IdentifiedDomain): Promise<void> {
  const disks = after.devices.disks.filter((_, i) => i === found.index);
  const others = guests.all().filter((g) => g.instance && g !== guest);
  await checkDisks(
    { ...after, devices: { ...after.devices, disks } },
    others.flatMap((g) => imageUsers(g.definition)),
  );
}

/** A virtio-mem device gives and takes memory block by block, as its driver in the guest can. */
async function requestMemory(guest: Guest, alias: string, bytes: bigint, signal: AbortSignal): Promise<void> {
  const resource = { type: "domain", name: guest.name };
  const path = `/machine/peripheral/${alias}`;
  const done = Promise.withResolvers<void>();
  using _listening = guest.qmp.onEvent((event) => {
    if (event.event !== "MEMORY_DEVICE_SIZE_CHANGE" || event.data["qom-path"] !== path) return;
    if (BigInt(event.data.size) === bytes) done.resolve();
  });
  const giveUp = (): void =>
    done.reject(
      new VirtError(
        VirtError.from(signal.reason).reason,
        `guest "${guest.name}" has not taken or given back all of the memory of ${alias} yet; its driver goes on with it`,
        { resource },
      ),
    );
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  void guest.exited.then(() =>
    done.reject(new VirtError("DOMAIN_NOT_RUNNING", `guest "${guest.name}" ended meanwhile`, { resource })),
  );
  try {
    await perform(guest, {
      command: "qom-set",
      args: { path, property: "requested-size", value: Number(bytes) },
    });
    const size = await guest.execute("qom-get", { path, property: "size" });
    if (size === Number(bytes)) done.resolve();
    await done.promise;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
