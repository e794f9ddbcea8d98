import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { Facts } from "../guests/facts.ts";
import { readOne } from "../guests/inventory.ts";
import type { JobWatcher } from "../msvm/jobs.ts";
import { sameId } from "../msvm/object-path.ts";
import { quoted, settingReference, systemReference } from "../msvm/session.ts";
import { embedded } from "../msvm/write.ts";
import type { HypervServer } from "../server.ts";
import { hardwareOf } from "../settings/hardware.ts";
import { targetOf } from "../settings/places.ts";
import type { Reference } from "../wsman/values.ts";

const SERVICE = "Msvm_VirtualSystemMigrationService";

/** Msvm_VirtualSystemMigrationSettingData.MigrationType and .TransportType */
const TYPE = { guest: 32_768, storage: 32_769, staged: 32_770, guestAndStorage: 32_771 } as const;
const TCP = 5;

/** JobState: up to here it is under way. */
const ENDED = 7;

/** A guest by what Hyper-V calls it, and by what people do. */
export interface Moving {
  readonly key: string;
  readonly name: string;
}

/** Where the disks of a guest shall lie, by their targets; undefined when all hosts see them where they are. */
export type Places = ReadonlyMap<string, string> | undefined;

/** As the definition of a guest has them. */
export function placesIn(xml: string): ReadonlyMap<string, string> {
  return new Map(
    parseDomain(xml).devices.disks.flatMap((disk) => {
      const path = disk.device === "disk" ? sourcePath(disk) : undefined;
      return path === undefined ? [] : [[disk.target.dev, path]];
    }),
  );
}

/** A guest as the host has it at this moment; undefined when it is not there. */
export async function look(server: HypervServer, { key, name }: Moving, c: Call): Promise<Facts | undefined> {
  return await server.ask(
    `guest "${name}" cannot be looked at`,
    (session, options) => readOne(session, key, server.names, options),
    c,
  );
}

export interface Journey {
  /** Name of the Hyper-V host. */
  readonly host: string;
  readonly places: Places;
  /** Whether it goes into what was planned for it there: so the other side can call it off. */
  readonly planned: boolean;
  readonly watcher?: JobWatcher;
  /** Once aborted, nothing more is begun. */
  readonly calledOff?: AbortSignal;
}

/**
 * Makes a guest go to another host, however far an earlier attempt has come: one that is still under way is waited for.
 * Hyper-V moves it as a whole or not at all.
 */
export async function sendGuest(
  server: HypervServer,
  guest: Moving,
  journey: Journey,
  c: Call,
): Promise<void> {
  for (let job = await moveUnderWay(server, guest, c); job !== undefined; ) {
    // How it ended is seen by where the guest is.
    await server.follow("an earlier move", job, c).catch(() => c.signal.throwIfAborted());
    job = await moveUnderWay(server, guest, c);
  }
  const facts = await look(server, guest, c);
  if (facts === undefined) return;
  const { host, places, planned, watcher, calledOff } = journey;
  const common = { ComputerSystem: systemReference(guest.key), DestinationHost: host };
  const how = (MigrationType: number, into = planned): string =>
    embedded("Msvm_VirtualSystemMigrationSettingData", {
      ...{ MigrationType, TransportType: TCP },
      ...(into ? { DestinationPlannedVirtualSystemId: guest.key } : {}),
    });
  const what = `guest "${guest.name}" cannot go to ${host}`;
  const input = {
    ...common,
    MigrationSettingData: how(places === undefined ? TYPE.guest : TYPE.guestAndStorage),
    ...(places === undefined ? {} : { NewResourceSettingData: disksAt(server, facts, places) }),
  };
  const step = async (
    method: "CheckVirtualSystemIsMigratable" | "MigrateVirtualSystemToHost",
    given: typeof input,
    progress: JobWatcher["progress"] = () => undefined,
  ): Promise<void> => {
    calledOff?.throwIfAborted();
    const begun = (job: Reference): void => watcher?.begun(job);
    await server.call(what, SERVICE, method, given, c, undefined, { begun, progress });
  };
  if (planned)
    await step("MigrateVirtualSystemToHost", { ...common, MigrationSettingData: how(TYPE.staged, false) });
  await step("CheckVirtualSystemIsMigratable", input);
  await step("MigrateVirtualSystemToHost", input, (percent) => watcher?.progress(percent));
}

/** The settings of the disks, with where each shall lie. */
function disksAt(server: HypervServer, facts: Facts, places: ReadonlyMap<string, string>): readonly string[] {
  return hardwareOf(facts.settings, server.names).disks.flatMap(({ place, mediumId, device }) => {
    const medium = facts.settings.media.find(({ InstanceID }) => sameId(InstanceID, mediumId));
    const path = places.get(targetOf(place));
    if (medium === undefined || device !== "disk" || path === undefined) return [];
    // Without its pool it is taken from the one that every host has.
    return [embedded("Msvm_StorageAllocationSettingData", { ...medium, PoolID: "", HostResource: [path] })];
  });
}

/** Lets disks of a guest lie elsewhere on the same host. */
export async function moveStorage(
  server: HypervServer,
  guest: Moving,
  facts: Facts,
  { places, keepSource }: { readonly places: ReadonlyMap<string, string>; readonly keepSource: boolean },
  watcher: JobWatcher,
  c: Call,
): Promise<void> {
  const how = { MigrationType: TYPE.storage, AvoidRemovingVHDs: keepSource };
  const input = {
    ComputerSystem: systemReference(guest.key),
    MigrationSettingData: embedded("Msvm_VirtualSystemMigrationSettingData", how),
    NewResourceSettingData: disksAt(server, facts, places),
  };
  const what = `the disks of guest "${guest.name}" cannot be moved`;
  await server.call(what, SERVICE, "MigrateVirtualSystemToHost", input, c, undefined, watcher);
}

/** The job of a guest that is on its way, or whose disks are. */
export async function moveUnderWay(
  server: HypervServer,
  { key, name }: Moving,
  c: Call,
): Promise<Reference | undefined> {
  const jobs = await server.ask(
    `the moves of guest "${name}" cannot be looked for`,
    (session, options) => session.query("Msvm_MigrationJob", options, `VirtualSystemName = ${quoted(key)}`),
    c,
  );
  const found = jobs.find(({ JobState = 0 }) => JobState < ENDED);
  return found?.InstanceID === undefined
    ? undefined
    : settingReference("Msvm_MigrationJob", found.InstanceID);
}

/** @throws MIGRATION_BLOCKED for an offer that does not come from a Hyper-V host */
export function originOf(features: readonly string[]): Moving & { readonly host: string } {
  for (const feature of features) {
    const [, key, host] = /^hyperv guest (\S+) of (.+)$/.exec(feature) ?? [];
    if (key !== undefined && host !== undefined) return { key, host, name: key };
  }
  throw new VirtError("MIGRATION_BLOCKED", "the guest is not one of a Hyper-V host");
}

/** The word by which the other side knows where a guest is, and by what name there. */
export function originFeature(key: string, host: string): string {
  return `hyperv guest ${key} of ${host}`;
}
