import type { Call } from "@virtmesh/core/call";
import type {
  IncomingMigration,
  MigrationDestinationFacet,
  MigrationOffer,
  MigrationPlan,
  MigrationSourceFacet,
  Obstacle,
  OfferedDisk,
  OutgoingMigration,
  SourceExamination,
} from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { DestinationHypervisorFact, SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { Scope } from "@virtmesh/kit/scope";
import { type Definition, disksOf, readDefinition } from "./definition.ts";
import { currentDefinition, type Guest } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { arrivingDefinition, type Arrival, Incoming, Listener } from "./incoming.ts";
import { Outgoing } from "./outgoing.ts";
import { pause } from "./pause.ts";

export const TEST_HYPERVISOR_VERSION = "1.0.0";

export class TestMigrationSource implements MigrationSourceFacet {
  readonly #hypervisor: Hypervisor;
  readonly #scope: Scope;
  readonly #outgoing = new Map<DomainUuid, Outgoing>();

  constructor(hypervisor: Hypervisor, scope: Scope) {
    this.#hypervisor = hypervisor;
    this.#scope = scope;
  }

  async examine(plan: MigrationPlan, c: Call): Promise<SourceExamination> {
    const guest = this.#hypervisor.get(plan.uuid);
    const definition = currentDefinition(guest);
    await definition.plan.before("migration.examine", c);
    const disks = offeredDisks(plan, definition, this.#hypervisor);
    const model =
      plan.destinationName === "" ? definition.model : { ...definition.model, name: plan.destinationName };
    const keeps = plan.persistDestination ?? guest.persistent !== undefined;
    const kept = guest.persistent ?? definition;
    return {
      offer: {
        plan,
        name: model.name,
        hypervisorVersion: TEST_HYPERVISOR_VERSION,
        xml: plan.destinationXml === "" ? formatDomain(model, { migratable: true }) : plan.destinationXml,
        persistentXml: keeps ? formatDomain({ ...kept.model, name: model.name }, { migratable: true }) : "",
        disks,
        requiredFeatures: [],
        running: guest.instance?.state === "running",
        memoryBytes: plan.mode === "live" ? definition.model.memory.bytes : 0n,
      },
      obstacles: sourceObstacles(plan, guest),
      warnings: [],
    };
  }

  async open(
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ): Promise<OutgoingMigration> {
    const guest = this.#hypervisor.get(offer.plan.uuid);
    const { plan } = currentDefinition(guest);
    await plan.before("migration.open", c);
    const outgoing = new Outgoing(this.#hypervisor, guest, plan, offer, sink, (task) =>
      // A task ends early only because the migration or the guest did.
      this.#scope.run(task, () => undefined),
    );
    this.#outgoing.set(guest.uuid, outgoing);
    return outgoing;
  }

  /** Guests of a test host do not outlive its process, so there is never anything to take up again. */
  async reopen(): Promise<OutgoingMigration | undefined> {
    return undefined;
  }

  async retireGone(offer: MigrationOffer, { undefine }: { readonly undefine: boolean }): Promise<void> {
    const guest = this.#hypervisor.find(offer.plan.uuid);
    if (undefine && guest?.persistent !== undefined) this.#hypervisor.undefine(guest);
  }

  /** The guest's way out, if it is on one. */
  find(uuid: DomainUuid): Outgoing | undefined {
    return this.#outgoing.get(uuid);
  }
}

function sourceObstacles(plan: MigrationPlan, guest: Guest): Obstacle[] {
  const found: Obstacle[] = [];
  const at = (type: string, description: string, subject = guest.name): void =>
    void found.push({ type, subject, description });
  if (plan.mode === "live" && guest.instance === undefined)
    at("NOT_RUNNING", `guest "${guest.name}" does not run; migrate it offline`);
  if (plan.mode === "offline" && guest.instance !== undefined)
    at("RUNNING", `guest "${guest.name}" runs; migrate it live`);
  if (plan.disks === "all" || plan.disks === "shared") return found;
  const targets = disksOf(currentDefinition(guest).model).map((disk) => disk.target);
  for (const choice of plan.disks) {
    if (targets.includes(choice.target)) continue;
    at(
      "NO_SUCH_DISK",
      `guest "${guest.name}" has no disk ${choice.target}, only ${targets.join(", ")}`,
      choice.target,
    );
  }
  return found;
}

function offeredDisks(plan: MigrationPlan, definition: Definition, hypervisor: Hypervisor): OfferedDisk[] {
  return disksOf(definition.model)
    .filter((disk) => disk.source !== "")
    .map((disk) => {
      const choice =
        typeof plan.disks === "string" ? undefined : plan.disks.find((d) => d.target === disk.target);
      const copy = !disk.readonly && (plan.disks === "all" || choice !== undefined);
      return {
        target: disk.target,
        sourcePath: disk.source,
        format: disk.format,
        capacityBytes: hypervisor.images.get(disk.source)?.capacityBytes ?? 0n,
        copy,
        destinationPath: choice?.destinationPath || disk.source,
        destinationFormat: choice?.destinationFormat || disk.format,
      };
    });
}

export class TestMigrationDestination implements MigrationDestinationFacet {
  readonly #hypervisor: Hypervisor;
  readonly #scope: Scope;
  readonly #address: string;
  readonly #hostUuid: string;

  constructor(
    hypervisor: Hypervisor,
    scope: Scope,
    about: { readonly address: string; readonly hostUuid: string },
  ) {
    this.#hypervisor = hypervisor;
    this.#scope = scope;
    this.#address = about.address;
    this.#hostUuid = about.hostUuid;
  }

  async examine(offer: MigrationOffer, c: Call): ReturnType<MigrationDestinationFacet["examine"]> {
    const { definition } = readDefinition(offer.xml);
    await definition.plan.before("migration.examineDestination", c);
    return { obstacles: this.#obstacles(offer), warnings: [] };
  }

  async prepare(
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ): Promise<IncomingMigration> {
    const definition = arrivingDefinition(readDefinition(offer.xml).definition.model, offer);
    await definition.plan.before("migration.prepare", c);
    const [obstacle] = this.#obstacles(offer);
    if (obstacle !== undefined) throw new VirtError("MIGRATION_BLOCKED", obstacle.description);
    this.#hypervisor.checkFree(definition.model.uuid, definition.model.name);
    const copied = offer.disks.filter((disk) => disk.copy);
    const persistent =
      offer.persistentXml === ""
        ? undefined
        : arrivingDefinition(readDefinition(offer.persistentXml).definition.model, offer);
    const made = copied.map(
      (disk) => this.#hypervisor.images.make(disk.destinationPath, disk.capacityBytes).path,
    );
    this.#hypervisor.expected.set(definition.model.uuid, definition.model.name);
    const arrival: Arrival = { hypervisor: this.#hypervisor, offer, definition, persistent, made, sink };
    if (offer.plan.mode === "offline" && copied.length === 0) return this.#offline(arrival);

    const listener = this.#scope.own(await Listener.open(this.#address, arrival));
    return new Incoming(arrival, listener, {
      memoryAddress: `tcp:${this.#address}:${listener.port}`,
      exports: copied.map((disk) => ({
        target: disk.target,
        host: this.#address,
        port: listener.port,
        exportName: `disk-${disk.target}`,
      })),
      hypervisorVersion: TEST_HYPERVISOR_VERSION,
      tlsHostname: "",
    });
  }

  /** As on the source: nothing is left of a test host's process. */
  async reopen(): Promise<IncomingMigration | undefined> {
    return undefined;
  }

  /** Nothing is sent, so it is complete as soon as it was prepared. */
  #offline(arrival: Arrival): IncomingMigration {
    this.#scope.run(
      async (signal) => {
        await pause(0, signal);
        arrival.sink({ fact: "loaded" });
      },
      () => undefined,
    );
    const endpoints = {
      memoryAddress: "",
      exports: [],
      hypervisorVersion: TEST_HYPERVISOR_VERSION,
      tlsHostname: "",
    };
    return new Incoming(arrival, undefined, endpoints);
  }

  /** What this hypervisor knows to stand in the way; names and UUIDs of guests that are there are the chassis's. */
  #obstacles(offer: MigrationOffer): Obstacle[] {
    const found: Obstacle[] = [];
    const at = (type: string, subject: string, description: string): void =>
      void found.push({ type, subject, description });
    if (offer.sourceHostUuid === this.#hostUuid) {
      at("SAME_HOST", offer.sourceHost, "source and destination are the same host");
    }
    for (const disk of offer.disks.filter((d) => d.copy)) {
      if (this.#hypervisor.images.get(disk.destinationPath) === undefined) continue;
      at("DISK_EXISTS", disk.target, `${disk.destinationPath} exists on the destination already`);
    }
    if (this.#hypervisor.expected.has(offer.plan.uuid)) {
      at("ALREADY_INCOMING", offer.name, `guest "${offer.name}" is on its way in already`);
    }
    return found;
  }
}
