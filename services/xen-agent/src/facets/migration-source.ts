import { writeFile } from "node:fs/promises";
import type { Call } from "@virtmesh/core/call";
import type {
  MigrationOffer,
  MigrationPlan,
  MigrationSourceFacet,
  OfferedDisk,
  OutgoingMigration,
  SourceExamination,
} from "@virtmesh/core/driver/migration";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { configOf } from "../guests/config.ts";
import type { Guest, Run } from "../guests/guest.ts";
import type { Guests } from "../guests/guests.ts";
import type { GuestFolder } from "../guests/status.ts";
import { sourceObstacles, wanted, warningsOf } from "../migration/obstacles.ts";
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
        ...sourceObstacles(plan, guest, running, this.#o.host.xen),
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

function disksOf(definition: IdentifiedDomain): readonly OfferedDisk[] {
  return definition.devices.disks.flatMap((disk) => {
    const path = sourcePath(disk);
    if (path === undefined) return [];
    const format = disk.driver?.type ?? "raw";
    const there = { destinationPath: path, destinationFormat: format };
    return [{ target: disk.target.dev, sourcePath: path, format, capacityBytes: 0n, copy: false, ...there }];
  });
}
