import { writeFile } from "node:fs/promises";
import type { Call } from "@virtmesh/core/call";
import type {
  MigrationOffer,
  MigrationPlan,
  MigrationSourceFacet,
  Obstacle,
  OfferedDisk,
  OutgoingMigration,
  SourceExamination,
} from "@virtmesh/core/driver/migration";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { compareAbi } from "@virtmesh/documents/domain/abi";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { configOf } from "../guests/config.ts";
import type { Guest, Run } from "../guests/guest.ts";
import type { Guests } from "../guests/guests.ts";
import type { GuestFolder } from "../guests/status.ts";
import { XenOutgoing } from "../migration/outgoing.ts";
import { type MigrationTrust, trustObstacles } from "../migration/security.ts";
import type { XenHost } from "./host.ts";

type Sink = (fact: SourceHypervisorFact) => void;

const LOCK = "migration.lock";
const CONFIG = "migration.cfg";

export interface MigrationSourceOptions {
  readonly guests: Guests;
  readonly folder: GuestFolder;
  readonly host: XenHost;
  readonly trust: MigrationTrust;
}

/** Guests that go to another Xen, by `xl migrate`. */
export class XenMigrationSource implements MigrationSourceFacet {
  readonly #o: MigrationSourceOptions;

  constructor(options: MigrationSourceOptions) {
    this.#o = options;
  }

  async examine(plan: MigrationPlan, _c: Call): Promise<SourceExamination> {
    const guest = this.#o.guests.require(plan.uuid);
    const running = wanted(guest.definition, plan);
    const persist = plan.persistDestination ?? guest.persistent !== undefined;
    const kept = plan.destinationXml === "" ? wanted(guest.persistent ?? guest.definition, plan) : running;
    const hypervisorVersion = this.#o.host.info().hypervisorVersion;
    return {
      offer: {
        ...{ plan, name: guest.name, hypervisorVersion, requiredFeatures: [] },
        xml: formatDomain(running, { migratable: true }),
        persistentXml: persist ? formatDomain(kept, { migratable: true }) : "",
        disks: disksOf(running),
        running: guest.state === "running",
        memoryBytes: plan.mode === "live" ? guest.definition.memory.bytes : 0n,
      },
      obstacles: [
        ...trustObstacles(plan, this.#o.trust, "source"),
        ...stateObstacles(plan, guest),
        ...planObstacles(plan),
        ...diskObstacles(plan, running),
        ...deviceObstacles(plan, guest.definition),
        ...compareAbi(wanted(guest.definition, { ...plan, destinationXml: "" }), running).map(
          ({ path, from, to }): Obstacle => ({
            type: "ABI_MISMATCH",
            subject: path,
            description: `the guest would see other hardware on the destination: ${path} is "${from}" and would be "${to}"`,
          }),
        ),
      ],
      warnings: warningsOf(plan),
    };
  }

  async open(offer: MigrationOffer, sink: Sink, _c: Call): Promise<OutgoingMigration> {
    const guest = this.#o.guests.require(offer.plan.uuid);
    return this.#outgoing(offer, guest, guest.running, sink, await this.#words(offer));
  }

  async reopen(offer: MigrationOffer, sink: Sink, _c: Call): Promise<OutgoingMigration | undefined> {
    const guest = this.#o.guests.get(offer.plan.uuid);
    return guest?.run && this.#outgoing(offer, guest, guest.run, sink, []);
  }

  async retireGone(
    offer: MigrationOffer,
    { undefine }: { readonly undefine: boolean },
    c: Call,
  ): Promise<void> {
    const guest = this.#o.guests.get(offer.plan.uuid);
    if (undefine && guest?.persistent !== undefined) await this.#o.guests.undefine(guest, c);
  }

  #outgoing(
    offer: MigrationOffer,
    guest: Guest,
    run: Run,
    sink: Sink,
    words: readonly string[],
  ): XenOutgoing {
    const { guests, folder, trust } = this.#o;
    const lock = folder.of(guest.uuid, LOCK);
    return new XenOutgoing({ guests, lock, trust, words }, offer, guest, run, sink);
  }

  /** xl tells the destination what runs here, unless it is to be something else there. */
  async #words({ plan, xml }: MigrationOffer): Promise<readonly string[]> {
    const own = ["-s", ""];
    if (plan.destinationXml === "") return own;
    const file = this.#o.folder.of(plan.uuid, CONFIG);
    await writeFile(file, configOf(parseDomain(xml), this.#o.host), { mode: 0o600 });
    return ["-C", file, ...own];
  }
}

/** What will run there: the user's, or what is here, with another name where that was asked for. */
function wanted(definition: IdentifiedDomain, plan: MigrationPlan): IdentifiedDomain {
  const given =
    plan.destinationXml === ""
      ? definition
      : { ...completeDomain(parseDomain(plan.destinationXml)).definition, uuid: definition.uuid };
  return plan.destinationName === "" ? given : { ...given, name: plan.destinationName };
}

function disksOf(definition: IdentifiedDomain): readonly OfferedDisk[] {
  return definition.devices.disks.flatMap((disk) => {
    const path = sourcePath(disk);
    if (path === undefined) return [];
    const format = disk.driver?.type ?? "raw";
    const there = { destinationPath: path, destinationFormat: format };
    return [{ target: disk.target.dev, sourcePath: path, format, capacityBytes: 0n, copy: false, ...there }];
  });
}

function stateObstacles(plan: MigrationPlan, guest: Guest): readonly Obstacle[] {
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

function warningsOf(plan: MigrationPlan): readonly string[] {
  if (plan.mode === "offline") return [];
  const { tuning, parallelConnections, compression, autoConverge } = plan;
  return [
    ...(tuning.memoryBandwidth > 0n ? ["xl sends as fast as it can: limits of bandwidth do not count"] : []),
    ...(parallelConnections > 1 || compression !== "none" || autoConverge
      ? ["xl sends by one connection, uncompressed, and does not slow the guest down"]
      : []),
  ];
}
