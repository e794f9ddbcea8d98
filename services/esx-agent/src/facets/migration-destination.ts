import type { Call } from "@virtmesh/core/call";
import type {
  IncomingMigration,
  MigrationDestinationFacet,
  MigrationOffer,
  Obstacle,
} from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { EsxIncoming } from "../migration/incoming.ts";
import { findAnywhere } from "../migration/vmotion.ts";
import type { EsxServer } from "../server.ts";
import { vcenterOf } from "./migration-source.ts";

/** Guests that come to this host by vMotion. */
export class EsxMigrationDestination implements MigrationDestinationFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  async examine(offer: MigrationOffer, _c: Call): ReturnType<MigrationDestinationFacet["examine"]> {
    return { obstacles: this.#obstacles(offer), warnings: [] };
  }

  async prepare(
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ): Promise<IncomingMigration> {
    const [obstacle] = this.#obstacles(offer);
    if (obstacle !== undefined) throw new VirtError("MIGRATION_BLOCKED", obstacle.description);
    const incoming = await this.#incoming(offer, sink, c);
    if (incoming !== undefined) {
      if (offer.plan.mode === "offline") incoming.awaitGuest();
      return incoming;
    }
    throw new VirtError(
      "DOMAIN_NOT_FOUND",
      `${this.#server.session.address} does not show guest "${offer.name}" to this agent; may its user see it?`,
      { resource: { type: "domain", name: offer.name } },
    );
  }

  async reopen(
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ): Promise<IncomingMigration | undefined> {
    const incoming = await this.#incoming(offer, sink, c);
    incoming?.awaitGuest();
    return incoming;
  }

  async #incoming(
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ): Promise<EsxIncoming | undefined> {
    const object = await findAnywhere(this.#server, offer.plan.uuid, c);
    return object && new EsxIncoming(this.#server, offer, object, sink, c);
  }

  #obstacles(offer: MigrationOffer): readonly Obstacle[] {
    const { session, place } = this.#server;
    if (!offer.requiredFeatures.includes(vcenterOf(this.#server)))
      return [
        {
          type: "OTHER_VCENTER",
          subject: place.facts.name,
          description: `${place.facts.name} is a host of the vCenter ${session.address}, and guest "${offer.name}" is of another one or of none; vMotion goes from host to host of one vCenter`,
        },
      ];
    if (offer.plan.disks !== "shared") return [];
    return parseDomain(offer.xml).devices.disks.flatMap((disk) => {
      const [, datastore] = /^\[([^\]]+)\]/.exec(sourcePath(disk) ?? "") ?? [];
      if (datastore === undefined || place.datastores.has(datastore)) return [];
      const { dev } = disk.target;
      const description = `disk ${dev} is in the datastore ${datastore}, which ${place.facts.name} does not have; copy the disks, or give it that datastore`;
      return [{ type: "DISK_NOT_SHARED", subject: dev, description }];
    });
  }
}
