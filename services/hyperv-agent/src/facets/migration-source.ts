import type { Call } from "@virtmesh/core/call";
import type {
  MigrationOffer,
  MigrationPlan,
  MigrationSourceFacet,
  Obstacle,
  OutgoingMigration,
  SourceExamination,
} from "@virtmesh/core/driver/migration";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { Guest } from "../guests/guest.ts";
import { migrationSettings, refusalOf } from "../migration/host-settings.ts";
import { originFeature, placesIn } from "../migration/move.ts";
import { HypervOutgoing } from "../migration/outgoing.ts";
import type { HypervServer } from "../server.ts";

/** Hyper-V's own migration: guests of this host go to another one. */
export class HypervMigrationSource implements MigrationSourceFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  async examine(plan: MigrationPlan, c: Call): Promise<SourceExamination> {
    const guest = this.#server.guests.require(plan.uuid);
    const { definition, power } = guest.facts;
    const xml = formatDomain(definition, { migratable: true });
    const settings = await migrationSettings(this.#server, c);
    return {
      offer: {
        // One that is off goes the same way: by the host where it is, and before it is decided.
        plan: { ...plan, mode: "live" },
        name: guest.name,
        hypervisorVersion: this.#server.host.version,
        ...{ xml, persistentXml: xml },
        // They go with the guest.
        disks: [],
        requiredFeatures: [originFeature(guest.key, this.#server.host.name)],
        running: power === "running",
        memoryBytes: plan.mode === "live" ? definition.memory.bytes : 0n,
      },
      obstacles: [...obstaclesOf(plan, guest, xml), ...refusalOf(settings, this.#server.host.name)],
      warnings: warningsOf(plan, settings.AuthenticationType === 1),
    };
  }

  async open(
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ): Promise<OutgoingMigration> {
    return new HypervOutgoing(this.#server, offer, sink, c);
  }

  /** It may be anywhere on its way, which the hosts are asked when that matters. */
  async reopen(
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ): Promise<OutgoingMigration> {
    return new HypervOutgoing(this.#server, offer, sink, c);
  }

  /** It has left by being sent to the other host. */
  async retireGone(offer: MigrationOffer, _options: { readonly undefine: boolean }, c: Call): Promise<void> {
    await this.#server.guests.until(offer.plan.uuid, (told) => told === undefined, c);
  }
}

function obstaclesOf(plan: MigrationPlan, guest: Guest, xml: string): readonly Obstacle[] {
  const found: Obstacle[] = [];
  const at = (type: string, description: string): void =>
    void found.push({ type, subject: guest.name, description });
  if (guest.facts.power === "paused")
    at("PAUSED", `guest "${guest.name}" is paused, and Hyper-V moves none that is; resume it first`);
  if (plan.postcopy !== undefined) at("NO_POSTCOPY", "Hyper-V has no post-copy; leave it out");
  if (plan.leavePaused) at("NO_PAUSED_START", "Hyper-V goes on running a guest at once; leave paused out");
  if (plan.destinationName !== "" || plan.destinationXml !== "")
    at("SAME_GUEST", "Hyper-V moves a guest as it is: it can have no other name or definition there");
  if (plan.persistDestination === false || plan.undefineSource === false)
    at("SAME_GUEST", "a guest of Hyper-V is defined where it is, and nowhere else");
  return [...found, ...diskObstacles(plan, xml)];
}

function diskObstacles({ disks }: MigrationPlan, xml: string): readonly Obstacle[] {
  return [...placesIn(xml)].flatMap(([target, path]) => {
    if (disks === "all") return [];
    if (disks === "shared")
      return isShared(path)
        ? []
        : [
            {
              type: "DISK_NOT_SHARED",
              subject: target,
              description: `disk ${target} is ${path}, which only this host has; copy the disks, or put it on a share or a cluster's volume`,
            },
          ];
    return disks.some((each) => each.target === target)
      ? []
      : [
          {
            type: "DISKS_TOGETHER",
            subject: target,
            description: `disk ${target} is not among those to copy, and Hyper-V copies all of them or none`,
          },
        ];
  });
}

/** On a share, or on a volume of a cluster. */
function isShared(path: string): boolean {
  return path.startsWith("\\\\") || /^[A-Z]:\\ClusterStorage\\/i.test(path);
}

function warningsOf(
  { tuning, parallelConnections, compression, tls }: MigrationPlan,
  isKerberos: boolean,
): readonly string[] {
  const isTuned = tuning.memoryBandwidth > 0n || tuning.diskBandwidth > 0n;
  return [
    ...(isTuned ? ["Hyper-V shares its network out by itself: limits of bandwidth do not count"] : []),
    ...(parallelConnections > 1 || compression !== "none"
      ? ["connections and compression are settings of the Hyper-V hosts"]
      : []),
    ...(tls
      ? ["Hyper-V sends memory as its hosts are set up to; whether that is encrypted is IPsec's affair"]
      : []),
    ...(isKerberos
      ? []
      : [
          "the host logs in to others by CredSSP, which by Microsoft's documents works only for who is logged in at the host itself; set its live migrations to Kerberos, with constrained delegation",
        ]),
  ];
}
