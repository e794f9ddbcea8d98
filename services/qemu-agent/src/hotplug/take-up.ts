import { aliasOf } from "@virtmesh/documents/domain/find-device";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { allDevices, type FoundDevice } from "@virtmesh/documents/domain/one-device";
import { identified } from "@virtmesh/agent/guests/definition";
import type { EventFeed } from "@virtmesh/agent/guests/event-feed";
import type { Guest } from "../domain/guest.ts";
import { resourcesOf } from "../domain/instance.ts";
import type { LaunchSite } from "../domain/launch.ts";
import type { HardwareChange } from "../state/instance-status.ts";
import { withoutOldDevice } from "./device-change.ts";
import { devicesAdded, stepsOf } from "./hardware.ts";
import { unmakeAll } from "./plug.ts";
import { deviceIds } from "./plug-steps.ts";
import { releaseHostSide } from "./release.ts";
import { pluggedIds } from "./unplug.ts";
import { pluggedCpus } from "./vcpus.ts";

/** What taking up the hardware of a guest needs. */
export interface TakeUp {
  readonly site: LaunchSite;
  readonly events: EventFeed;
  /** Keeps the definition of the next start. */
  readonly define: (definition: IdentifiedDomain) => Promise<unknown>;
}

/**
 * Brings what is written down of a guest's hardware and what QEMU has together, after a time in which nobody listened:
 * ends a change that was under way, forgets devices that are gone, and counts memory and CPUs anew.
 */
export async function reconcileHardware(guest: Guest, o: TakeUp): Promise<void> {
  const plugged = await pluggedIds(guest);
  const { change } = guest.running;
  if (change?.kind === "attach") await endAttach(guest, change, plugged, o);
  const gone = await forgetGone(guest, plugged, o);
  if (change?.kind === "detach") {
    const after = identified(parseDomain(change.xml));
    const wanted = devicesAdded(after, guest.definition);
    await guest.running.conclude({});
    if (wanted.length === 0 && gone.length > 0 && change.persistentXml !== undefined)
      await o.define(identified(parseDomain(change.persistentXml)));
  }
  await recount(guest, o);
}

/** All of the device is there, and it stays; or what there is of it goes. */
async function endAttach(
  guest: Guest,
  change: HardwareChange,
  plugged: ReadonlySet<string>,
  { site, events, define }: TakeUp,
): Promise<void> {
  const { running } = guest;
  const after = identified(parseDomain(change.xml));
  const added = devicesAdded(running.definition, after);
  const allotment = { ...running.allotment, taps: { ...running.allotment.taps, ...change.taps } };
  if (added.every((each) => plugged.has(aliasOf(each) ?? ""))) {
    const aliases = added.flatMap((each) => aliasOf(each) ?? []);
    const kept =
      change.persistentXml === undefined ? [...running.deviations, ...aliases] : running.deviations;
    await running.conclude({ definition: after, allotment: { taps: allotment.taps }, deviations: kept });
    for (const device of aliases)
      events.emit(guest, { kind: "device", type: "added", device, detail: "" }, { reconciled: true });
    if (change.persistentXml !== undefined) await define(identified(parseDomain(change.persistentXml)));
    return;
  }
  for (const each of added.toReversed()) {
    // A part that the guest has already is asked for; what it holds is cleared up when it lets go.
    await unmakeAll(guest, await stepsOf(after, each, site, allotment));
  }
  await site.taps.remove(change.taps);
  await running.conclude({});
}

/** Devices that are written down and that QEMU has no more. */
async function forgetGone(
  guest: Guest,
  plugged: ReadonlySet<string>,
  { site, events }: TakeUp,
): Promise<readonly FoundDevice[]> {
  const { running } = guest;
  const before = running.definition;
  const gone: FoundDevice[] = [];
  for (const each of allDevices(before.devices)) {
    const alias = aliasOf(each);
    if (alias === undefined || plugged.has(alias) || !UNPLUGGABLE.has(each.list)) continue;
    if (!deviceIds(await stepsOf(before, each, site, running.allotment)).includes(alias)) continue;
    gone.push(each);
  }
  for (const each of gone) {
    const device = aliasOf(each) ?? "";
    running.forget(device, withoutOldDevice);
    events.emit(guest, { kind: "device", type: "removed", device, detail: "" }, { reconciled: true });
    await releaseHostSide(guest, before, each, site);
  }
  return gone;
}

/** Kinds of devices that a guest can let go of. */
const UNPLUGGABLE: ReadonlySet<FoundDevice["list"]> = new Set([
  ...([
    "disks",
    "controllers",
    "interfaces",
    "serials",
    "consoles",
    "channels",
    "inputs",
    "hostdevs",
  ] as const),
  ...(["redirdevs", "rngs", "memories", "shmems", "watchdogs", "sounds", "smartcards", "vsocks"] as const),
  ...(["hubs", "cryptos"] as const),
]);

/** Memory and CPUs as they are now. */
async function recount(guest: Guest, { events }: TakeUp): Promise<void> {
  const { running } = guest;
  const { definition } = running;
  const cpus = await pluggedCpus(guest);
  const hasBalloon = definition.devices.memballoons.some((b) => b.model.startsWith("virtio"));
  const balloon = hasBalloon ? await guest.execute("query-balloon", undefined) : undefined;
  const current = definition.vcpu.current ?? definition.vcpu.count;
  const memory = definition.currentMemory?.bytes ?? definition.memory.bytes;
  const [cpusNow, memoryNow] = [cpus ?? current, balloon === undefined ? memory : BigInt(balloon.actual)];
  if (cpusNow === current && memoryNow === memory) return;
  running.setDefinition({
    ...definition,
    vcpu: { ...definition.vcpu, current: cpusNow },
    currentMemory: { bytes: memoryNow },
  });
  events.emit(guest, resourcesOf(running.definition), { reconciled: true });
}
