import { stat } from "node:fs/promises";
import type { Call } from "@virtmesh/core/call";
import type {
  IncomingMigration,
  MigrationDestinationFacet,
  MigrationOffer,
  Obstacle,
} from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import type { Guests } from "../guests/guests.ts";
import type { GuestFolder } from "../guests/status.ts";
import { type DestinationSite, XenIncoming } from "../migration/incoming.ts";
import { type MigrationTrust, securityOf, trustObstacles } from "../migration/security.ts";
import type { XenHost } from "./host.ts";

type Sink = (fact: DestinationHypervisorFact) => void;

export interface MigrationDestinationOptions {
  readonly guests: Guests;
  readonly folder: GuestFolder;
  readonly host: XenHost;
  /** Name of this host, as in its certificate. */
  readonly hostName: string;
  readonly dataAddress: string;
  readonly trust: MigrationTrust;
  readonly logger: MeshLogger;
}

/** Guests that come from another Xen. */
export class XenMigrationDestination implements MigrationDestinationFacet {
  readonly #o: MigrationDestinationOptions;

  constructor(options: MigrationDestinationOptions) {
    this.#o = options;
  }

  async examine(offer: MigrationOffer, _c: Call): ReturnType<MigrationDestinationFacet["examine"]> {
    const { guests, trust, host } = this.#o;
    const definition = definitionOf(offer.xml);
    const { freeMemoryBytes } = host.info();
    const obstacles = [
      ...trustObstacles(offer.plan, trust, "destination"),
      ...configObstacles(guests, definition),
      ...(await missingFiles(offer, definition)),
    ];
    const isTight = offer.memoryBytes > freeMemoryBytes;
    return {
      obstacles,
      warnings: isTight
        ? [
            `Xen on the destination has ${freeMemoryBytes} bytes free, and the guest needs ${offer.memoryBytes}`,
          ]
        : [],
    };
  }

  async prepare(offer: MigrationOffer, sink: Sink, _c: Call): Promise<IncomingMigration> {
    return await XenIncoming.prepare(offer, this.#site(offer), sink);
  }

  async reopen(offer: MigrationOffer, sink: Sink, _c: Call): Promise<IncomingMigration | undefined> {
    // Nothing waits for it but its definition, which is kept if that was decided.
    if (offer.plan.mode === "offline") return XenIncoming.reopenOff(offer, this.#site(offer), sink);
    const onDamaged = (err: VirtError): void => this.#o.logger.error({ err }, "a file was left aside");
    const status = (await this.#o.folder.load(onDamaged)).find(
      ({ incoming }) => incoming?.migration === offer.plan.id,
    );
    return status && (await XenIncoming.reopen(offer, this.#site(offer), status, sink));
  }

  #site(offer: MigrationOffer): DestinationSite {
    const { guests, folder, host, hostName, dataAddress, trust } = this.#o;
    return {
      ...{ guests, folder, dataAddress, host: hostName, xenVersion: host.info().hypervisorVersion },
      security: securityOf(offer.plan, trust, offer.sourceHost),
      definition: definitionOf(offer.xml),
      persistent: offer.persistentXml === "" ? undefined : definitionOf(offer.persistentXml),
    };
  }
}

function definitionOf(xml: string): IdentifiedDomain {
  return completeDomain(parseDomain(xml)).definition;
}

function configObstacles(guests: Guests, definition: IdentifiedDomain): readonly Obstacle[] {
  try {
    guests.check(definition);
    return [];
  } catch (e) {
    const { message, reason } = VirtError.from(e);
    return [{ type: reason, subject: definition.name, description: message }];
  }
}

/** What the guest needs there, now or when it boots again. */
async function missingFiles(
  { disks }: MigrationOffer,
  { os }: IdentifiedDomain,
): Promise<readonly Obstacle[]> {
  const paths = [
    ...disks.map(
      ({ target, destinationPath }) => ["IMAGE_MISSING", `disk ${target}`, destinationPath] as const,
    ),
    ...[os.kernel, os.initrd].flatMap((path) =>
      path === undefined ? [] : [["FILE_MISSING", "a file that it boots from", path] as const],
    ),
  ];
  const found = await Promise.all(
    paths.map(async ([type, what, path]): Promise<readonly Obstacle[]> => {
      if ((await stat(path).catch(() => undefined)) !== undefined) return [];
      return [{ type, subject: path, description: `${what}, ${path}, is not to be seen on the destination` }];
    }),
  );
  return found.flat();
}
