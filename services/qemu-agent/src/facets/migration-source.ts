import type { Call } from "@virtmesh/core/call";
import type {
  DiskChoice,
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
import { type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { QemuCapabilities } from "../capabilities/model.ts";
import { formatNodeName } from "../cmdline/node-names.ts";
import { traitsOf } from "../capabilities/traits.ts";
import { withMachine } from "../cmdline/machine-types.ts";
import { withSparePorts } from "../hotplug/spare-ports.ts";
import { completed } from "../domain/completed.ts";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import { tcpSocketsOf } from "../host/tcp-sockets.ts";
import { runTool } from "@virtmesh/agent/machine/run-tool";
import type { LeftImages } from "../migration/left-images.ts";
import { movedDefinition } from "../migration/moved-definition.ts";
import { openImage, StorageDaemon } from "../process/storage-daemon.ts";
import { QemuOutgoing } from "../migration/outgoing.ts";
import type { SourceGuest } from "../migration/source-guest.ts";

export interface MigrationSourceOptions {
  readonly guests: Guests;
  readonly capabilities: QemuCapabilities;
  readonly leftImages: LeftImages;
  readonly runDir: string;
  /** Directory with the certificates under the names that QEMU wants; undefined without any. */
  readonly tlsDir: string | undefined;
  readonly allowPlaintext: boolean;
}

type Sink = (fact: SourceHypervisorFact) => void;

/** Guests of this host on their way out. */
export class MigrationSource implements MigrationSourceFacet {
  readonly #o: MigrationSourceOptions;

  constructor(options: MigrationSourceOptions) {
    this.#o = options;
  }

  async examine(plan: MigrationPlan, c: Call): Promise<SourceExamination> {
    const guest = this.#o.guests.require(plan.uuid);
    const obstacles: Obstacle[] = [...this.#tlsObstacles(plan), ...settingsInTheWay(guest, plan)];
    const capacities =
      plan.mode === "live" ? await this.#capacities(guest, c) : await offCapacities(guest, plan, c);
    const disks = offeredDisks(guest.definition, plan, capacities, obstacles);
    if (plan.mode === "live") obstacles.push(...(await blockers(guest, c)));
    const running = this.#wanted(guest, plan, disks, obstacles);
    const persist = plan.persistDestination ?? guest.persistentDefinition !== undefined;
    const kept = movedDefinition(
      guest.persistentDefinition ?? guest.definition,
      plan,
      disks,
      this.#o.capabilities,
    );
    const { version } = this.#o.capabilities;
    return {
      offer: {
        plan,
        name: guest.name,
        hypervisorVersion: `${version.major}.${version.minor}.${version.micro}`,
        xml: formatDomain(running, { migratable: true }),
        // A definition that was given for the destination is the one to keep there, too.
        persistentXml: persist
          ? formatDomain(plan.destinationXml === "" ? kept : running, { migratable: true })
          : "",
        disks,
        requiredFeatures: [],
        running: guest.state === "running" || guest.state === "blocked",
        memoryBytes: guest.definition.memory.bytes,
      },
      obstacles,
      warnings: [],
    };
  }

  async open(offer: MigrationOffer, sink: Sink, c: Call): Promise<OutgoingMigration> {
    const guest = this.#o.guests.require(offer.plan.uuid);
    if (offer.plan.mode === "offline") {
      return this.#cold(
        guest,
        offer,
        sink,
        c,
        offer.disks.filter((d) => d.copy),
      );
    }
    const outgoing = this.#outgoing(guest, offer, sink);
    await guest.markMigrating({ id: offer.plan.id, side: "out" });
    return outgoing;
  }

  async reopen(offer: MigrationOffer, sink: Sink, c: Call): Promise<OutgoingMigration | undefined> {
    const guest = this.#o.guests.get(offer.plan.uuid);
    // What copied ended with the agent before: there is nothing left to undo.
    if (guest !== undefined && offer.plan.mode === "offline") return this.#cold(guest, offer, sink, c, []);
    if (guest?.instance === undefined) return undefined;
    const outgoing = this.#outgoing(guest, offer, sink);
    try {
      await outgoing.reconcile();
      return outgoing;
    } catch (e) {
      outgoing.close();
      throw e;
    }
  }

  async retireGone(
    offer: MigrationOffer,
    { undefine }: { readonly undefine: boolean },
    c: Call,
  ): Promise<void> {
    const guest = this.#o.guests.get(offer.plan.uuid);
    await this.#rememberImages(offer);
    if (undefine && guest?.persistentDefinition !== undefined) await this.#o.guests.undefine(guest, c);
  }

  /** Its process is gone: nothing writes to the images any more. */
  async #rememberImages({ plan, disks }: MigrationOffer): Promise<void> {
    const copied = disks.filter((d) => d.copy).map((d) => d.sourcePath);
    if (copied.length > 0) await this.#o.leftImages.remember(plan.uuid, copied);
  }

  /** A process of QEMU's without a guest copies the disks of one that is off. */
  async #cold(
    guest: Guest,
    offer: MigrationOffer,
    sink: Sink,
    c: Call,
    disks: readonly OfferedDisk[],
  ): Promise<QemuOutgoing> {
    const daemon = await StorageDaemon.start(this.#o.runDir, c.signal);
    try {
      for (const { target, sourcePath: path, format } of disks)
        await openImage(daemon.qmp, { node: formatNodeName(target), path, format, readOnly: true });
    } catch (e) {
      await daemon[Symbol.asyncDispose]();
      throw e;
    }
    const end = async (): Promise<void> => await daemon[Symbol.asyncDispose]();
    return new QemuOutgoing(
      offer,
      {
        qmp: daemon.qmp,
        exited: daemon.exited.then(() => "what copied it has ended"),
        isConnecting: async () => false,
        expectJob: () => undefined,
        forgetJob: () => undefined,
        standStill: () => undefined,
        kill: end,
        released: async () => undefined,
        retire: async (undefine) => {
          await end();
          await this.#retire(guest, offer, undefine);
        },
      },
      this.#o.tlsDir,
      sink,
    );
  }

  #outgoing(guest: Guest, offer: MigrationOffer, sink: Sink): QemuOutgoing {
    return new QemuOutgoing(offer, this.#sourceGuest(guest, offer), this.#o.tlsDir, sink);
  }

  #sourceGuest(guest: Guest, offer: MigrationOffer): SourceGuest {
    return {
      // After its connection broke there is another one.
      get qmp() {
        return guest.qmp;
      },
      exited: guest.exited.then(({ code, signal }) =>
        signal === undefined ? `QEMU ended with code ${code ?? "unknown"}` : `QEMU was ended by ${signal}`,
      ),
      isConnecting: (port) => isConnecting(guest.running.process.pid, port),
      expectJob: (job) => guest.jobs.expect(job),
      forgetJob: (id) => guest.jobs.forget(id),
      standStill: () => guest.standStill(),
      retire: (undefine) => this.#retire(guest, offer, undefine),
      kill: () => guest.kill(),
      released: () => guest.markMigrating(undefined),
    };
  }

  async #retire(guest: Guest, offer: MigrationOffer, undefine: boolean): Promise<void> {
    await this.#o.guests.retire(guest, { undefine });
    await this.#rememberImages(offer);
  }

  #tlsObstacles(plan: MigrationPlan): readonly Obstacle[] {
    if (plan.mode === "offline" && plan.disks === "shared") return [];
    if (plan.tls && this.#o.tlsDir === undefined) {
      return [
        {
          type: "NO_CERTIFICATES",
          subject: "tls",
          description:
            "the source agent has no certificates to protect memory and disks with; start it with --tls-dir, or ask for plaintext",
        },
      ];
    }
    if (!plan.tls && !this.#o.allowPlaintext) {
      return [
        {
          type: "PLAINTEXT_REFUSED",
          subject: "tls",
          description:
            "the source agent does not send guests in the clear; start it with --allow-plaintext-migration to permit that",
        },
      ];
    }
    return [];
  }

  /** The definition that will run there: the user's, if it has the same hardware, or the one that runs here. */
  #wanted(
    guest: Guest,
    plan: MigrationPlan,
    disks: readonly OfferedDisk[],
    obstacles: Obstacle[],
  ): IdentifiedDomain {
    const own = movedDefinition(guest.definition, plan, disks, this.#o.capabilities);
    if (plan.destinationXml === "") return own;
    const { capabilities } = this.#o;
    // Read as a new definition is: what it leaves open is what it was given when it was defined here.
    const machine = withMachine(parseDomain(plan.destinationXml), capabilities);
    const asked = completed(withSparePorts(machine, traitsOf(capabilities)), capabilities);
    const given = movedDefinition(asked, plan, disks, capabilities);
    for (const { path, from, to } of compareAbi(own, given)) {
      obstacles.push({
        type: "ABI_MISMATCH",
        subject: path,
        description: `the guest would see other hardware on the destination: ${path} is "${from}" and would be "${to}"`,
      });
    }
    return given;
  }

  async #capacities(guest: Guest, c: Call): Promise<ReadonlyMap<string, bigint>> {
    const nodes = await guest.execute(
      "query-named-block-nodes",
      { flat: true },
      { signal: c.signal, timeoutMs: 5_000 },
    );
    return new Map(
      nodes.flatMap((n) => {
        const name = n["node-name"];
        if (name === undefined) return [];
        // A disk that was moved has the second pair of names.
        return [[name.replace(/-2$/, ""), BigInt(n.image["virtual-size"])]];
      }),
    );
  }
}

/** What a process has connected to there, or waits for anywhere: one whose guest has left waits for nothing else. */
async function isConnecting(pid: number, port: number): Promise<boolean> {
  const sockets = await tcpSocketsOf(pid);
  return sockets.some(
    ({ state, remotePort }) => state === "connecting" || (state === "connected" && remotePort === port),
  );
}

/** What the images of a guest that is off hold. */
async function offCapacities(
  guest: Guest,
  plan: MigrationPlan,
  c: Call,
): Promise<ReadonlyMap<string, bigint>> {
  if (plan.disks === "shared") return new Map();
  const sizes = await Promise.all(
    guest.definition.devices.disks.filter(isWritable).map(async (disk) => {
      const path = sourcePath(disk);
      if (path === undefined) return [];
      const format = disk.driver?.type ?? "raw";
      const answer = await runTool("qemu-img", ["info", "--output=json", "-f", format, path], {
        signal: c.signal,
      });
      const { "virtual-size": size } = JSON.parse(answer) as { readonly "virtual-size": number };
      return [[formatNodeName(disk.target.dev), BigInt(size)] as const];
    }),
  );
  return new Map(sizes.flat());
}

function offeredDisks(
  definition: IdentifiedDomain,
  plan: MigrationPlan,
  capacities: ReadonlyMap<string, bigint>,
  obstacles: Obstacle[],
): readonly OfferedDisk[] {
  const chosen = typeof plan.disks === "string" ? undefined : plan.disks;
  for (const { target } of chosen ?? []) {
    if (definition.devices.disks.some((d) => d.target.dev === target)) continue;
    obstacles.push({
      type: "NO_SUCH_DISK",
      subject: target,
      description: `the guest has no disk ${target} to copy`,
    });
  }
  return definition.devices.disks.flatMap((disk) => {
    const path = sourcePath(disk);
    if (path === undefined) return [];
    const choice = chosen?.find((d) => d.target === disk.target.dev);
    const copy = plan.disks === "all" ? isWritable(disk) : choice !== undefined;
    if (copy && !isWritable(disk)) {
      obstacles.push({
        type: "READ_ONLY_DISK",
        subject: disk.target.dev,
        description: `disk ${disk.target.dev} cannot be written to, so it cannot be copied; have it on both hosts`,
      });
    }
    if (!copy && plan.mode === "live" && isUnsafe(disk) && !plan.unsafe) {
      obstacles.push({
        type: "UNSAFE_CACHE",
        subject: disk.target.dev,
        description: `disk ${disk.target.dev} is shared and uses the host's cache, which the other host does not see; use cache="none" or "directsync", copy the disk, or say that it is safe (unsafe)`,
      });
    }
    return [offered(disk, path, copy, choice, capacities.get(formatNodeName(disk.target.dev)) ?? 0n)];
  });
}

function offered(
  disk: Disk,
  path: string,
  copy: boolean,
  choice: DiskChoice | undefined,
  capacityBytes: bigint,
): OfferedDisk {
  const format = disk.driver?.type ?? "raw";
  return {
    target: disk.target.dev,
    sourcePath: path,
    format,
    capacityBytes,
    copy,
    destinationPath: choice === undefined || choice.destinationPath === "" ? path : choice.destinationPath,
    destinationFormat:
      choice === undefined || choice.destinationFormat === "" ? format : choice.destinationFormat,
  };
}

function isWritable(disk: Disk): boolean {
  return disk.readonly !== true && disk.device === "disk" && disk.shareable !== true;
}

/** libvirt's rule too (qemuMigrationSrcIsSafe). */
function isUnsafe(disk: Disk): boolean {
  const cache = disk.driver?.cache;
  return isWritable(disk) && cache !== "none" && cache !== "directsync";
}

function settingsInTheWay(guest: Guest, plan: MigrationPlan): readonly Obstacle[] {
  const found: Obstacle[] = [];
  if (plan.postcopy !== undefined && plan.parallelConnections > 1) {
    found.push({
      type: "POSTCOPY_PARALLEL",
      subject: "parallel_connections",
      description:
        "QEMU fetches memory over one connection only: post-copy and parallel connections exclude each other",
    });
  }
  if (plan.mode === "live" && guest.instance !== undefined) {
    for (const job of guest.jobs.list.filter(
      (j) => j.state === "running" || j.state === "ready" || j.state === "paused",
    )) {
      found.push({
        type: "BLOCK_JOB_ACTIVE",
        subject: job.disk,
        description: `a block job (${job.id}) works on disk ${job.disk}; wait for it or cancel it`,
      });
    }
  }
  if (guest.state === "pmsuspended") {
    found.push({
      type: "SLEEPING",
      subject: guest.name,
      description: "the guest sleeps (S3); wake it up first",
    });
  }
  return found;
}

/** What QEMU itself says is in the way. */
async function blockers(guest: Guest, c: Call): Promise<readonly Obstacle[]> {
  const known = await guest.execute("query-migrate", undefined, { signal: c.signal, timeoutMs: 5_000 });
  return (known["blocked-reasons"] ?? []).map((description) => ({
    type: "HYPERVISOR_BLOCKS",
    subject: guest.name,
    description,
  }));
}
