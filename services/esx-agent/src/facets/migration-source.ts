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
import { EsxOutgoing } from "../migration/outgoing.ts";
import { findAnywhere } from "../migration/vmotion.ts";
import type { EsxServer } from "../server.ts";

/** vMotion: guests of this host go to another host of the same vCenter. */
export class EsxMigrationSource implements MigrationSourceFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  async examine(plan: MigrationPlan, _c: Call): Promise<SourceExamination> {
    const guest = this.#server.guests.require(plan.uuid);
    const { definition } = guest.facts;
    const xml = formatDomain(definition, { migratable: true });
    return {
      offer: {
        plan,
        name: guest.name,
        hypervisorVersion: this.#server.place.facts.version,
        ...{ xml, persistentXml: xml },
        // They go with the guest, and the server copies them where that is asked for.
        disks: [],
        requiredFeatures: [vcenterOf(this.#server)],
        running: guest.facts.power === "poweredOn",
        memoryBytes: plan.mode === "live" ? definition.memory.bytes : 0n,
      },
      obstacles: obstaclesOf(plan, guest),
      warnings: warningsOf(plan),
    };
  }

  async open(
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ): Promise<OutgoingMigration> {
    const { object } = this.#server.guests.require(offer.plan.uuid);
    return new EsxOutgoing(this.#server, offer, object, sink, c);
  }

  async reopen(
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ): Promise<OutgoingMigration | undefined> {
    const object = await findAnywhere(this.#server, offer.plan.uuid, c);
    return object === undefined ? undefined : new EsxOutgoing(this.#server, offer, object, sink, c);
  }

  /** It has left by being brought to the other host. */
  async retireGone(offer: MigrationOffer, _options: { readonly undefine: boolean }, c: Call): Promise<void> {
    await this.#server.guests.until(offer.plan.uuid, (told) => told === undefined, c);
  }
}

/** The word by which both sides know that they are of one vCenter. */
export function vcenterOf(server: EsxServer): string {
  return `vcenter ${server.session.content.instanceUuid}`;
}

function obstaclesOf(plan: MigrationPlan, guest: Guest): readonly Obstacle[] {
  const found: Obstacle[] = [];
  const at = (type: string, description: string): void =>
    void found.push({ type, subject: guest.name, description });
  const isOff = guest.facts.power === "poweredOff";
  if (plan.mode === "live" && isOff)
    at("NOT_RUNNING", `guest "${guest.name}" does not run; migrate it offline`);
  if (plan.mode === "offline" && !isOff) at("RUNNING", `guest "${guest.name}" runs; migrate it live`);
  if (plan.postcopy !== undefined)
    at("NO_POSTCOPY", "vMotion has no post-copy that can be asked for; leave it out");
  if (plan.leavePaused) at("NO_PAUSED_START", "vMotion goes on running a guest at once; leave paused out");
  if (plan.destinationName !== "" || plan.destinationXml !== "")
    at("SAME_GUEST", "vMotion moves a guest as it is: it can have no other name or definition there");
  if (plan.persistDestination === false || plan.undefineSource === false)
    at("SAME_GUEST", "a guest of vSphere is defined where it is, and nowhere else");
  if (typeof plan.disks !== "string")
    at("DISKS_TOGETHER", "the disks of a guest go together: all are copied, or none");
  return found;
}

function warningsOf({ tuning, parallelConnections, compression, tls }: MigrationPlan): readonly string[] {
  const isTuned = tuning.memoryBandwidth > 0n || tuning.diskBandwidth > 0n;
  return [
    ...(isTuned ? ["vSphere shares its network out by itself: limits of bandwidth do not count"] : []),
    ...(parallelConnections > 1 || compression !== "none"
      ? ["connections and compression are vSphere's own choice"]
      : []),
    ...(tls ? ["whether vMotion is encrypted is a setting of the guest (vMotion encryption)"] : []),
  ];
}
