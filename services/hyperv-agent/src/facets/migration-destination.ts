import type { Call } from "@virtmesh/core/call";
import type {
  IncomingMigration,
  MigrationDestinationFacet,
  MigrationOffer,
  Obstacle,
} from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { migrationSettings, refusalOf } from "../migration/host-settings.ts";
import { HypervIncoming } from "../migration/incoming.ts";
import { originOf } from "../migration/move.ts";
import { removePlanned } from "../migration/planned.ts";
import type { HypervServer } from "../server.ts";

/** Guests that come to this host by Hyper-V's own migration. */
export class HypervMigrationDestination implements MigrationDestinationFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  async examine(offer: MigrationOffer, c: Call): ReturnType<MigrationDestinationFacet["examine"]> {
    return { obstacles: await this.#obstacles(offer, c), warnings: [] };
  }

  async prepare(
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ): Promise<IncomingMigration> {
    const [obstacle] = await this.#obstacles(offer, c);
    if (obstacle !== undefined) throw new VirtError("MIGRATION_BLOCKED", obstacle.description);
    // What another attempt has left would be in the way.
    const guest = { key: originOf(offer.requiredFeatures).key, name: offer.name };
    if (!(await removePlanned(this.#server, guest, c)))
      throw new VirtError(
        "DOMAIN_BUSY",
        `guest "${offer.name}" is already on its way to ${this.#server.host.name}, begun by somebody else`,
        { resource: { type: "domain", name: offer.name } },
      );
    return new HypervIncoming(this.#server, offer, sink, c);
  }

  async reopen(
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ): Promise<IncomingMigration | undefined> {
    const incoming = new HypervIncoming(this.#server, offer, sink, c);
    incoming.awaitGuest();
    return incoming;
  }

  async #obstacles(offer: MigrationOffer, c: Call): Promise<readonly Obstacle[]> {
    const { host, names } = this.#server;
    const { host: origin } = originOf(offer.requiredFeatures);
    if (origin.toUpperCase() === host.name.toUpperCase())
      return [
        {
          type: "SAME_HOST",
          subject: host.name,
          description: `both agents are for the Hyper-V host ${host.name}; name the agent of another one`,
        },
      ];
    const known = new Set(names.switches.values());
    const networks = new Set(
      parseDomain(offer.xml).devices.interfaces.flatMap((nic) =>
        nic.type === "bridge" ? (nic.source?.bridge ?? []) : [],
      ),
    );
    const missing = [...networks.difference(known)].map((name) => ({
      type: "NETWORK_MISSING",
      subject: name,
      description: `${host.name} has no switch "${name}", which guest "${offer.name}" is plugged into; make it there`,
    }));
    return [...refusalOf(await migrationSettings(this.#server, c), host.name), ...missing];
  }
}
