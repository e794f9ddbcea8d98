import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { aliasOf } from "@virtmesh/documents/domain/find-device";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { FoundDevice, OneDevice } from "@virtmesh/documents/domain/one-device";
import type { QemuTraits } from "@virtmesh/documents/domain/semantics/qemu/traits";
import { checkDisks, imageUsers } from "../domain/disk-check.ts";
import { etagOf, persistentXml } from "@virtmesh/agent/guests/definition";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import type { Allotment } from "../domain/instance.ts";
import type { LaunchSite } from "../domain/launch.ts";
import { consoleSocket } from "../domain/console-sockets.ts";
import { withNewDevice } from "./device-change.ts";
import { devicesAdded, stepsOf } from "./hardware.ts";
import { makeAll, perform } from "./plug.ts";
import { throttleOf } from "../cmdline/throttle.ts";

export interface AttachOptions {
  readonly guest: Guest;
  readonly guests: Guests;
  readonly site: LaunchSite;
  readonly traits: QemuTraits;
  readonly device: OneDevice;
  /** The definition for the next start with the device in it, where that changes too. */
  readonly persistent: IdentifiedDomain | undefined;
  readonly signal: AbortSignal;
}

/** Plugs a device into a guest that runs. When it throws nothing of it is left, neither in QEMU nor on the host. */
export async function attachLive(o: AttachOptions): Promise<void> {
  const { guest, guests, site, persistent } = o;
  const { running } = guest;
  const before = running.definition;
  const planned = withNewDevice(before, o.device, o.traits, true);
  const added = devicesAdded(before, planned);
  await checkImages(guest, guests, planned, added);
  const taps = await site.taps.make({
    ...planned,
    devices: { ...planned.devices, interfaces: cards(added) },
  });
  const after = withTapNames(planned, taps);
  const consoles = { ...running.allotment.consoles, ...sockets(added, running.allotment.directory) };
  const allotment: Allotment = {
    ...running.allotment,
    taps: { ...running.allotment.taps, ...taps },
    consoles,
  };
  try {
    const all = await Promise.all(
      devicesAdded(before, after).map((each) => stepsOf(after, each, site, allotment)),
    );
    await running.begin({
      ...{ kind: "attach", xml: formatDomain(after, { secure: true }), taps },
      ...(persistent === undefined ? {} : { persistentXml: persistentXml(persistent) }),
    });
    await makeAll(guest, all.flat(), o.signal);
  } catch (e) {
    await site.taps.remove(taps);
    await running.conclude({});
    throw e;
  }
  const aliases = added.flatMap((each) => aliasOf(each) ?? []);
  await running.conclude({
    definition: { ...after, vcpu: running.definition.vcpu },
    allotment: { taps: allotment.taps, consoles, etag: etagAfter(guest, persistent) },
    deviations: persistent === undefined ? [...running.deviations, ...aliases] : running.deviations,
  });
  for (const each of devicesAdded(before, after)) await settle(guest, each);
  for (const device of aliases)
    guests.events.emit(guest, { kind: "device", type: "added", device, detail: "" });
}

/** What the running guest was started from counts as changed with the definition, if it was the same before. */
export function etagAfter(guest: Guest, persistent: IdentifiedDomain | undefined): string {
  const { etag } = guest.running.allotment;
  const same = guest.persistentDefinition !== undefined && etagOf(guest.persistentDefinition) === etag;
  return persistent !== undefined && same ? etagOf(persistent) : etag;
}

async function checkImages(
  guest: Guest,
  guests: Guests,
  definition: IdentifiedDomain,
  added: readonly FoundDevice[],
): Promise<void> {
  const disks = added.flatMap((each) => (each.list === "disks" ? [each.device] : []));
  const users = guests.all().filter((g) => g.instance);
  await checkDisks(
    { ...definition, devices: { ...definition.devices, disks } },
    users.flatMap((g) => imageUsers(g === guest ? guest.running.definition : g.definition)),
  );
}

function cards(added: readonly FoundDevice[]) {
  return added.flatMap((each) => (each.list === "interfaces" ? [each.device] : []));
}

function withTapNames(
  definition: IdentifiedDomain,
  taps: Readonly<Record<string, { readonly ifname: string }>>,
): IdentifiedDomain {
  const interfaces = definition.devices.interfaces.map((nic) => {
    const tap = taps[nic.alias ?? ""];
    return tap === undefined ? nic : { ...nic, target: { ...nic.target, dev: tap.ifname } };
  });
  return { ...definition, devices: { ...definition.devices, interfaces } };
}

function sockets(added: readonly FoundDevice[], directory: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    added.flatMap(({ list, device }) =>
      (list === "serials" || list === "consoles") && device.type === "pty" && device.alias !== undefined
        ? [consoleSocket(device.alias, directory)]
        : [],
    ),
  );
}

/** What a device is told after it is there: it begins without limits and with its link up. */
async function settle(guest: Guest, found: FoundDevice): Promise<void> {
  if (found.list === "disks" && found.device.iotune !== undefined)
    await perform(guest, { command: "block_set_io_throttle", args: throttleOf(found.device) });
  if (found.list === "interfaces" && found.device.link === "down" && found.device.alias !== undefined)
    await perform(guest, { command: "set_link", args: { name: found.device.alias, up: false } });
}
