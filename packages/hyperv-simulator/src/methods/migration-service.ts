import { referenceTo } from "../cim/path.ts";
import { type Instance, isArray, numberOf, textOf } from "../cim/value.ts";
import { checkpointsOf } from "../host/checkpoints.ts";
import { guestReference } from "../host/context.ts";
import { removeGuest, removeSettings, resourcesOf, settingsOf } from "../host/guests.ts";
import type { Host } from "../host/host.ts";
import { isRefusal, RETURN, Refusal, type Work } from "../host/jobs.ts";
import { moveGuest, switchThere } from "../host/moving.ts";
import { addPlanned, markBusy, plannedReference } from "../host/planned.ts";
import { RESOURCES } from "../host/resources.ts";
import { type Answer, DONE, type MethodCall } from "./method.ts";
import { readWanted, TYPE, type Wanted } from "./migration-request.ts";

export function checkMigratableToHost(call: MethodCall): Answer {
  try {
    check(readWanted(call));
    return { ...DONE, output: { IsMigratable: true } };
  } catch (e) {
    if (!isRefusal(e) || e.code === RETURN.invalidParameter) throw e;
    return { ...DONE, output: { IsMigratable: false } };
  }
}

/** The same as a job, which says why not. */
export function checkMigratable(call: MethodCall): Work {
  const wanted = readWanted(call);
  return {
    ...migrationWork(wanted),
    finish: () => {
      check(wanted);
      return {};
    },
  };
}

/** A guest that migrates is on the other host, or nowhere where that is only a name. */
export function migrateToHost(call: MethodCall): Work {
  const wanted = readWanted(call);
  const { there, planned } = wanted;
  const busy = (is: boolean): void => {
    if (there !== undefined && planned !== "") markBusy(there, planned, is);
  };
  return {
    ...migrationWork(wanted),
    begin: () => busy(true),
    abandon: () => busy(false),
    finish: () => {
      try {
        check(wanted);
      } catch (e) {
        busy(false);
        throw e;
      }
      carryOut(wanted);
      return {};
    },
  };
}

function migrationWork({ guest, id, type, destination }: Wanted): Omit<Work, "finish"> {
  return {
    ...{ describes: "migrating", jobClass: "Msvm_MigrationJob", affected: [referenceTo(guest)] },
    isCancellable: true,
    jobValues: {
      ...{ MigrationType: type, VirtualSystemName: id },
      // Its page: null for storage.
      DestinationHost: type === TYPE.storage ? null : destination,
    },
  };
}

/** @throws Refusal for what stands in the way on one of the hosts */
function check(wanted: Wanted): void {
  const { host, guest, id, type, there, planned } = wanted;
  const fail = (why: string): never => {
    throw new Refusal(RETURN.failed, why);
  };
  if (host.repository.get(guestReference(id)) === undefined) fail(`the guest ${id} is gone`);
  checkFiles(wanted);
  if (type === TYPE.storage) return;
  for (const each of there === undefined ? [host] : [host, there])
    if (!allowsMigration(each)) fail(`migrations are not enabled on ${each.seed.hostName}`);
  if (type === TYPE.guest) {
    const own = disksOf(host, id).find((path) => !isShared(path));
    if (own !== undefined) fail(`${own} lies on ${host.seed.hostName} alone`);
  }
  if (there === undefined) return;
  if (there.repository.get(guestReference(id)) !== undefined)
    fail(`${id} is on ${there.seed.hostName} already`);
  if (planned !== "" && there.repository.get(plannedReference(planned)) === undefined)
    fail(`there is no planned system ${planned} on ${there.seed.hostName}`);
  if (type === TYPE.staged && there.repository.get(plannedReference(id)) !== undefined)
    fail(`there is a planned system ${id} on ${there.seed.hostName} already`);
  for (const path of switchesOf(host, id))
    if (switchThere(host, there, path) === undefined)
      fail(`${there.seed.hostName} has no switch for a port of ${textOf(guest, "ElementName")}`);
}

function checkFiles({ host, there, disks, overwrites }: Wanted): void {
  const files = (there ?? host).disks;
  for (const { to } of disks) {
    if (!/^([A-Za-z]:|\\\\[^\\]+)\\.+\.a?vhdx?$/i.test(to))
      throw new Refusal(RETURN.invalidParameter, `"${to}" is no path of a virtual hard disk`);
    if (!overwrites && files.find(to) !== undefined)
      throw new Refusal(RETURN.failed, `there is ${to} already`);
  }
}

function allowsMigration({ repository }: Host): boolean {
  const [settings] = repository.all("Msvm_VirtualSystemMigrationServiceSettingData");
  return settings?.values["EnableVirtualSystemMigration"] === true;
}

/** On a share, or on a volume of a cluster. */
function isShared(path: string): boolean {
  return path.startsWith("\\\\") || /^[A-Z]:\\ClusterStorage\\/i.test(path);
}

function disksOf(host: Host, id: string): readonly string[] {
  return resourcesOf(host, settingsOf(id))
    .filter((resource) => textOf(resource, "ResourceSubType") === RESOURCES.disk.subType)
    .map((resource) => textOf(resource, "HostResource"));
}

function switchesOf(host: Host, id: string): readonly string[] {
  return resourcesOf(host, settingsOf(id))
    .filter((resource) => numberOf(resource, "ResourceType") === RESOURCES.connection.type)
    .flatMap((resource: Instance) => {
      const paths = resource.values["HostResource"] ?? null;
      return paths !== null && isArray(paths) ? paths.map(String) : [];
    });
}

function carryOut(wanted: Wanted): void {
  const { host, guest, id, type, there, planned } = wanted;
  switch (type) {
    case TYPE.check:
      return;
    case TYPE.storage:
      return relocate(host, host, wanted);
    case TYPE.staged:
      if (there !== undefined) addPlanned(there, id, textOf(guest, "ElementName"));
      return;
    default:
      if (there === undefined) return vanish(host, id);
      // It is what was planned from now on.
      if (planned !== "") there.repository.remove(plannedReference(planned));
      moveGuest(host, there, id);
      return relocate(host, there, wanted);
  }
}

/** Lets disks lie where they were wanted, and removes them where they were. */
function relocate(from: Host, to: Host, { disks, keepsSource, id }: Wanted): void {
  for (const { resource, from: old, to: path } of disks) {
    const disk = from.disks.find(old);
    if (!keepsSource) from.disks.remove(old);
    // A guest that comes brings its disks under their old paths.
    if (from !== to && path.toLowerCase() !== old.toLowerCase()) to.disks.remove(old);
    if (disk !== undefined) to.disks.put({ ...disk, path });
    to.repository.update(resource, { HostResource: [path], PoolID: "" });
  }
  if (disks.length > 0)
    to.repository.update(guestReference(id), { TimeOfLastConfigurationChange: new Date() });
}

function vanish(host: Host, id: string): void {
  for (const checkpoint of checkpointsOf(host, id)) removeSettings(host, referenceTo(checkpoint));
  removeGuest(host, id);
}
