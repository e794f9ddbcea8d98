import type { MigrationPlan, Obstacle } from "@virtmesh/core/driver/migration";
import { compareAbi } from "@virtmesh/documents/domain/abi";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Guest } from "../guests/guest.ts";
import type { XenInfo } from "../xl/info.ts";

/** What will run there: the user's, or what is here, with another name where that was asked for. */
export function wanted(definition: IdentifiedDomain, plan: MigrationPlan): IdentifiedDomain {
  const given =
    plan.destinationXml === ""
      ? definition
      : { ...completeDomain(parseDomain(plan.destinationXml)).definition, uuid: definition.uuid };
  return plan.destinationName === "" ? given : { ...given, name: plan.destinationName };
}

/** What stands in the way on the source of a guest that is to run elsewhere as `there`. */
export function sourceObstacles(
  plan: MigrationPlan,
  guest: Pick<Guest, "name" | "state" | "run" | "definition">,
  there: IdentifiedDomain,
  xen: Pick<XenInfo, "capabilities">,
): readonly Obstacle[] {
  return [
    ...stateObstacles(plan, guest),
    ...shadowObstacles(plan, guest, xen),
    ...planObstacles(plan),
    ...diskObstacles(plan, there),
    ...deviceObstacles(plan, guest.definition),
    ...abiObstacles(wanted(guest.definition, { ...plan, destinationXml: "" }), there),
  ];
}

function abiObstacles(here: IdentifiedDomain, there: IdentifiedDomain): readonly Obstacle[] {
  return compareAbi(here, there).map(({ path, from, to }) => ({
    type: "ABI_MISMATCH",
    subject: path,
    description: `the guest would see other hardware on the destination: ${path} is "${from}" and would be "${to}"`,
  }));
}

function stateObstacles(
  plan: MigrationPlan,
  guest: Pick<Guest, "name" | "state" | "run">,
): readonly Obstacle[] {
  const at = (type: string, description: string): readonly Obstacle[] => [
    { type, subject: guest.name, description },
  ];
  const runs = guest.run !== undefined;
  if (plan.mode === "offline")
    return runs ? at("RUNNING", `guest "${guest.name}" runs; migrate it live`) : [];
  if (!runs) return at("NOT_RUNNING", `guest "${guest.name}" does not run; migrate it offline`);
  if (guest.state === "running") return [];
  return at(
    "PAUSED",
    `guest "${guest.name}" is ${guest.state}, and its system has to help when it is moved; resume it first`,
  );
}

/**
 * What a paravirtualised guest changes while its memory is sent, Xen sees by shadow paging alone. Not every Xen has it: that
 * of Debian 12 is built without it since 4.17.7.
 */
function shadowObstacles(
  plan: MigrationPlan,
  { name, definition }: Pick<Guest, "name" | "definition">,
  { capabilities }: Pick<XenInfo, "capabilities">,
): readonly Obstacle[] {
  const isParavirtualised = definition.os.type.kind !== "hvm" && definition.os.type.kind !== "xenpvh";
  // A Xen that does not name `pv` either is older than these words.
  const lacksIt = capabilities.includes("pv") && !capabilities.includes("shadow");
  if (plan.mode === "offline" || !isParavirtualised || !lacksIt) return [];
  const description = `guest "${name}" is paravirtualised, and this Xen is built without shadow paging, which sending its memory takes; migrate it offline, or make it a PVH guest (<type>xenpvh</type>)`;
  return [{ type: "NO_SHADOW_PAGING", subject: name, description }];
}

function planObstacles(plan: MigrationPlan): readonly Obstacle[] {
  if (plan.postcopy === undefined) return [];
  return [{ type: "NO_POSTCOPY", subject: "postcopy", description: "Xen has no post-copy; leave it out" }];
}

function isWritable(disk: Disk): boolean {
  return disk.readonly !== true && disk.device !== "cdrom";
}

function diskObstacles(plan: MigrationPlan, definition: IdentifiedDomain): readonly Obstacle[] {
  const writable = definition.devices.disks.filter(isWritable);
  if (plan.disks !== "shared" && (typeof plan.disks !== "string" || writable.length > 0)) {
    const description =
      "xl copies no disks: have them on storage that both hosts see, and migrate with shared storage";
    return [{ type: "NO_DISK_COPY", subject: definition.name, description }];
  }
  if (plan.mode === "offline" || plan.unsafe) return [];
  return writable
    .filter((disk) => disk.type !== "block" && disk.type !== "volume")
    .map(({ target }) => ({
      type: "UNSAFE_CACHE",
      subject: target.dev,
      description: `disk ${target.dev} is a file, which dom0 keeps parts of in memory that the other host does not see; use a block device, or say that it is safe (unsafe)`,
    }));
}

function deviceObstacles(plan: MigrationPlan, { devices }: IdentifiedDomain): readonly Obstacle[] {
  if (plan.mode === "offline") return [];
  return devices.hostdevs.map(() => ({
    type: "HOST_DEVICE",
    subject: "hostdev",
    description: "the guest has a device of this host, which cannot go with it; detach it first",
  }));
}

/** What of a plan does not count here. */
export function warningsOf(plan: MigrationPlan): readonly string[] {
  if (plan.mode === "offline") return [];
  const { tuning, parallelConnections, compression, autoConverge } = plan;
  return [
    ...(tuning.memoryBandwidth > 0n ? ["xl sends as fast as it can: limits of bandwidth do not count"] : []),
    ...(parallelConnections > 1 || compression !== "none" || autoConverge
      ? ["xl sends by one connection, uncompressed, and does not slow the guest down"]
      : []),
  ];
}
