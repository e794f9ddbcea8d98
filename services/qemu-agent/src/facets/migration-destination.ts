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
import { postcopyProblem } from "../capabilities/probe.ts";
import type { QemuCapabilities } from "../capabilities/model.ts";
import { formatNodeName } from "../cmdline/node-names.ts";
import { imageUsers } from "../domain/disk-check.ts";
import { commandFailure } from "../domain/failures.ts";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import { acceleratorOf } from "../domain/launch.ts";
import type { PortRange } from "../host/ports.ts";
import type { DestinationSite, WaitingGuest } from "../migration/destination-site.ts";
import { imageObstacles } from "../migration/images.ts";
import { QemuIncoming } from "../migration/incoming.ts";
import { IncomingRecords } from "../migration/incoming-record.ts";
import type { LeftImages } from "../migration/left-images.ts";
import { RecoveryPipe } from "../process/recovery-pipe.ts";
import { openImage, StorageDaemon } from "../process/storage-daemon.ts";

export interface MigrationDestinationOptions {
  readonly guests: Guests;
  readonly capabilities: QemuCapabilities;
  readonly stateDir: string;
  readonly runDir: string;
  readonly leftImages: LeftImages;
  readonly ports: PortRange;
  readonly dataAddress: string;
  readonly host: string;
  readonly tlsDir: string | undefined;
  readonly allowPlaintext: boolean;
  readonly allowTcgForKvm: boolean;
}

type Sink = (fact: DestinationHypervisorFact) => void;

/** Guests on their way to this host. */
export class MigrationDestination implements MigrationDestinationFacet {
  readonly #o: MigrationDestinationOptions;
  readonly #site: DestinationSite;

  constructor(options: MigrationDestinationOptions) {
    this.#o = options;
    const { version } = options.capabilities;
    this.#site = {
      records: new IncomingRecords(options.stateDir),
      clearLeftImages: async (offer) =>
        options.leftImages.clear(offer.plan.uuid, [...(await this.#replaceable(offer))]),
      ports: options.ports,
      dataAddress: options.dataAddress,
      host: options.host,
      hypervisorVersion: `${version.major}.${version.minor}.${version.micro}`,
      tlsDir: options.tlsDir,
      startIncoming: (offer, c) =>
        offer.plan.mode === "live" ? this.#start(offer, c) : this.#startStorage(offer, c),
      define: async (offer) => {
        const persist = persistentOf(offer);
        if (persist !== undefined) await options.guests.define(persist);
      },
    };
  }

  async examine(
    offer: MigrationOffer,
    c: Call,
  ): Promise<{ obstacles: readonly Obstacle[]; warnings: readonly string[] }> {
    const images =
      offer.plan.mode === "live" || offer.disks.some((d) => d.copy)
        ? await imageObstacles(offer, await this.#replaceable(offer))
        : { obstacles: [], warnings: [] };
    const definition = definitionOf(offer);
    return {
      obstacles: [
        ...this.#hostObstacles(offer, definition),
        ...(offer.plan.postcopy === undefined ? [] : await this.#postcopyObstacles(c)),
        ...images.obstacles,
        ...(await missingFiles(definition)),
      ],
      warnings: images.warnings,
    };
  }

  async prepare(offer: MigrationOffer, sink: Sink, c: Call): Promise<IncomingMigration> {
    try {
      return await QemuIncoming.prepare(offer, this.#site, sink, c);
    } catch (e) {
      throw commandFailure(offer.name, e, c.signal);
    }
  }

  async reopen(offer: MigrationOffer, sink: Sink, _c: Call): Promise<IncomingMigration | undefined> {
    const guest = this.#o.guests.incoming(offer.plan.uuid) ?? this.#pulling(offer);
    const made = await this.#site.records.read(offer.plan.id);
    // Of a guest that is off its definition is all that comes: nothing of it is here, and it may have been decided.
    const mayBeLeft = made !== undefined || offer.plan.mode === "offline";
    if (guest?.instance === undefined && !mayBeLeft) return undefined;
    const waiting = guest?.instance === undefined ? undefined : this.#waiting(guest, offer);
    return QemuIncoming.reopen(offer, this.#site, { guest: waiting, made }, sink);
  }

  /** It runs here already, and lacks memory. */
  #pulling(offer: MigrationOffer): Guest | undefined {
    const guest = this.#o.guests.get(offer.plan.uuid);
    const { id, side } = guest?.instance?.migration ?? {};
    return side === "pulling" && id === offer.plan.id ? guest : undefined;
  }

  /** Images that this guest left here, as they were then, and that no other guest has taken up. */
  async #replaceable(offer: MigrationOffer): Promise<ReadonlySet<string>> {
    const { guests, leftImages } = this.#o;
    const others = guests.all().filter((g) => g.uuid !== offer.plan.uuid);
    const used = new Set(others.flatMap((g) => imageUsers(g.definition).map((u) => u.path)));
    const paths = offer.disks.filter((d) => d.copy && !used.has(d.destinationPath));
    return leftImages.untouched(
      offer.plan.uuid,
      paths.map((d) => d.destinationPath),
    );
  }

  async #start(offer: MigrationOffer, c: Call): Promise<WaitingGuest> {
    const guest = await this.#o.guests.startIncoming(definitionOf(offer), {
      migrationId: offer.plan.id,
      postcopy: offer.plan.postcopy !== undefined,
      signal: c.signal,
    });
    return this.#waiting(guest, offer);
  }

  /** Serves the new images of a guest that is off, without a guest. */
  async #startStorage(offer: MigrationOffer, c: Call): Promise<WaitingGuest> {
    const daemon = await StorageDaemon.start(this.#o.runDir, c.signal);
    try {
      for (const { target, destinationPath: path, destinationFormat: format } of offer.disks.filter(
        (d) => d.copy,
      ))
        await openImage(daemon.qmp, { node: formatNodeName(target), path, format, readOnly: false });
    } catch (e) {
      await daemon[Symbol.asyncDispose]();
      throw e;
    }
    const end = async (): Promise<void> => await daemon[Symbol.asyncDispose]();
    return {
      qmp: daemon.qmp,
      connected: Promise.resolve(),
      onQmpEvent: (listener) => daemon.qmp.onEvent(listener),
      exited: daemon.exited.then(({ code, signal }) => signal ?? `code ${code ?? "unknown"}`),
      isAdopted: false,
      adopt: async () => undefined,
      whole: () => daemon.quit(),
      kill: end,
      discard: end,
    };
  }

  #waiting(guest: Guest, offer: MigrationOffer): WaitingGuest {
    const { guests } = this.#o;
    let adopted = guest;
    let isAdopted = guest.instance?.migration?.side === "pulling";
    return {
      get qmp() {
        return adopted.qmp;
      },
      connected: guest.running.connected,
      recovery: new RecoveryPipe(guest.running.allotment.directory),
      onQmpEvent: (listener) => guest.onQmpEvent(listener),
      exited: guest.exited.then(({ code, signal }) =>
        signal === undefined ? `code ${code ?? "unknown"}` : `signal ${signal}`,
      ),
      get isAdopted() {
        return isAdopted;
      },
      adopt: async (how) => {
        const persist = persistentOf(offer);
        adopted = await guests.adopt(guest, {
          ...(persist === undefined ? {} : { persist }),
          ...(how === "pulling" ? { pulling: offer.plan.id } : {}),
        });
        isAdopted = true;
      },
      whole: () => adopted.markMigrating(undefined),
      kill: async () => {
        if (adopted.instance !== undefined) await adopted.kill();
      },
      discard: () => guests.discard(guest),
    };
  }

  /** Only QEMU itself knows, as it runs here: the kernel's userfaultfd, its sandbox and its user all count. */
  async #postcopyObstacles(c: Call): Promise<readonly Obstacle[]> {
    const { capabilities, stateDir, host } = this.#o;
    const why = await postcopyProblem({ binary: capabilities.binary, workDir: stateDir, signal: c.signal });
    if (why === undefined) return [];
    return [
      {
        type: "NO_POSTCOPY",
        subject: host,
        description: `QEMU on ${host} cannot fetch memory on demand: ${why}; it needs userfaultfd (sysctl vm.unprivileged_userfaultfd=1, or an agent that runs as root)`,
      },
    ];
  }

  #hostObstacles(offer: MigrationOffer, definition: IdentifiedDomain): readonly Obstacle[] {
    const { plan } = offer;
    const { host, capabilities, tlsDir, allowPlaintext, allowTcgForKvm } = this.#o;
    const found: Obstacle[] = [];
    const live = plan.mode === "live" || offer.disks.some((d) => d.copy);
    if (live && plan.tls && tlsDir === undefined) {
      found.push({
        type: "NO_CERTIFICATES",
        subject: host,
        description: `the agent of ${host} has no certificates; start it with --tls-dir, or ask for plaintext`,
      });
    }
    if (live && !plan.tls && !allowPlaintext) {
      found.push({
        type: "PLAINTEXT_REFUSED",
        subject: host,
        description: `the agent of ${host} takes no guests in the clear; start it with --allow-plaintext-migration to permit that`,
      });
    }
    const { machine } = definition.os.type;
    if (
      machine !== undefined &&
      !capabilities.machines.some((m) => m.name === machine || m.alias === machine)
    ) {
      found.push({
        type: "MACHINE_TYPE",
        subject: machine,
        description: `QEMU on ${host} has no machine type ${machine}: it is older than the source's`,
      });
    }
    try {
      acceleratorOf(definition, { capabilities, allowTcgForKvm });
    } catch (e) {
      found.push({ type: "ACCELERATOR", subject: definition.type, description: VirtError.from(e).message });
    }
    return found;
  }
}

function definitionOf(offer: MigrationOffer): IdentifiedDomain {
  return completeDomain(parseDomain(offer.xml)).definition;
}

function persistentOf(offer: MigrationOffer): IdentifiedDomain | undefined {
  return offer.persistentXml === "" ? undefined : completeDomain(parseDomain(offer.persistentXml)).definition;
}

/** Files that QEMU opens at its start and that no migration copies. */
async function missingFiles({ os }: IdentifiedDomain): Promise<readonly Obstacle[]> {
  const files = { kernel: os.kernel, initrd: os.initrd, loader: os.loader?.path };
  const found = await Promise.all(
    Object.entries(files).map(async ([what, path]) => {
      if (path === undefined || (await stat(path).catch(() => undefined)) !== undefined) return [];
      return [
        {
          type: "FILE_MISSING",
          subject: path,
          description: `the ${what} ${path} does not exist on the destination`,
        },
      ];
    }),
  );
  return found.flat();
}
