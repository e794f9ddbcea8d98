import type { Call } from "@virtmesh/core/call";
import type {
  MigrationOffer,
  MigrationSample,
  OutgoingMigration,
  Tuning,
} from "@virtmesh/core/driver/migration";
import type { DiskExport, Endpoints } from "@virtmesh/core/migration/endpoints";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { formatNodeName } from "../cmdline/node-names.ts";
import { rootNode } from "../disk-moves/nodes.ts";
import type { ExpectedJob } from "../domain/jobs.ts";
import type { QmpMigration } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import type { QmpEvent } from "../qmp/events.ts";
import { type MemoryFact, memoryFact, MemoryWatch } from "./memory-watch.ts";
import { awaitEvent } from "./await-event.ts";
import { limitCopies } from "./limit-copies.ts";
import { MirrorWatch } from "./mirror-watch.ts";
import { capabilitiesOf, parametersOf, tuningParameters } from "./parameters.ts";
import { rollBack, type Undoing } from "./roll-back.ts";
import { addTlsObject } from "./tls-files.ts";

/** What the source's half needs of a running guest. */
export interface SourceGuest {
  readonly qmp: QmpConnection;
  /** Resolves with why, when its process has ended. */
  readonly exited: Promise<string>;
  expectJob(job: ExpectedJob): void;
  forgetJob(id: string): void;
  /** Ends the process; the guest runs elsewhere. Removes the definition too if asked. */
  retire(undefine: boolean): Promise<void>;
  /** Ends the process at once: a crash. */
  kill(): Promise<void>;
  /** The migration is over, and the guest stayed. */
  released(): Promise<void>;
}

/** In seconds, as QEMU wants it (qapi/block-core.json, BlockdevOptionsNbd). */
const NBD_OPEN_TIMEOUT_S = 1;
const BREAK_TIMEOUT_MS = 5_000;
/** The agents reach each other when it is tried, so the other host answers in milliseconds, if only to refuse. */
const TRY_AT_MOST_MS = 10_000;

export function jobId(offer: MigrationOffer, target: string): string {
  return `migrate-${offer.plan.id.slice(0, 8)}-${target}`;
}

/** The node of the destination's image, seen from the source over NBD. */
export function remoteNode(target: string): string {
  return `remote-${target}`;
}

/** A QEMU guest on its way out. */
export class QemuOutgoing implements OutgoingMigration {
  readonly #offer: MigrationOffer;
  readonly #guest: SourceGuest;
  readonly #sink: (fact: SourceHypervisorFact) => void;
  readonly #tlsDir: string | undefined;
  readonly #mirrors: MirrorWatch;
  readonly #memory = new MemoryWatch();
  readonly #hearing: Disposable;
  readonly #targets: readonly string[];
  /** The guest is off: what copies its disks is a process of its own. */
  readonly #isOff: boolean;
  /** As the user last set it, maybe before what it limits has begun. */
  #tuning: Tuning;
  #tlsObject: string | undefined;
  /** Mirrors that are being started. */
  #starting: Promise<void> | undefined;
  #rolling: Promise<void> | undefined;
  /** Memory has begun to flow. */
  readonly #flowing = Promise.withResolvers<void>();
  /** Until then, by a clock that does not jump, the connection asked for last may come about, and what is said over it first. */
  #tryingUntilMs = 0;
  /** Why its process has ended. */
  #exited: string | undefined;
  /** From here on its end is wanted and no news. */
  #leaving = false;

  /** Facts flow from here on. */
  constructor(
    offer: MigrationOffer,
    guest: SourceGuest,
    tlsDir: string | undefined,
    sink: (fact: SourceHypervisorFact) => void,
  ) {
    this.#offer = offer;
    this.#guest = guest;
    this.#tlsDir = tlsDir;
    this.#sink = sink;
    this.#tuning = offer.plan.tuning;
    this.#isOff = offer.plan.mode === "offline";
    this.#targets = offer.disks.filter((d) => d.copy).map((d) => d.target);
    this.#mirrors = new MirrorWatch(new Map(this.#targets.map((t) => [jobId(offer, t), t])));
    this.#hearing = guest.qmp.onEvent((event) => this.#hear(event));
    void guest.exited.then((message) => {
      this.#exited = message;
      if (this.#leaving) return;
      if (!this.#isOff) return this.#sink({ fact: "sourceExited", message });
      for (const disk of this.#targets) this.#sink({ fact: "mirrorFailed", disk, message });
    });
  }

  async startMirrors(endpoints: Endpoints, c: Call): Promise<void> {
    this.#starting = this.#startAll(endpoints, c);
    await this.#starting;
  }

  /** One after the other, as QEMU takes them anyway: so a roll-back waits for one at most. */
  async #startAll(endpoints: Endpoints, c: Call): Promise<void> {
    const tls = await this.#tls();
    for (const to of endpoints.exports) {
      if (this.#rolling === undefined) await this.#startMirror(to, endpoints.tlsHostname, tls, c);
    }
  }

  async #startMirror(to: DiskExport, tlsHostname: string, tls: string, c: Call): Promise<void> {
    const { plan } = this.#offer;
    const { qmp } = this.#guest;
    const { target, host, port, exportName } = to;
    const id = jobId(this.#offer, target);
    try {
      await qmp.execute(
        "blockdev-add",
        {
          driver: "nbd",
          "node-name": remoteNode(target),
          server: { type: "inet", host, port: String(port) },
          export: exportName,
          // QEMU's main loop stands still until the other side has answered: never for longer than this.
          "open-timeout": NBD_OPEN_TIMEOUT_S,
          ...(tls === "" ? {} : { "tls-creds": tls, "tls-hostname": tlsHostname }),
        },
        { signal: c.signal },
      );
      // Rolled back meanwhile: a mirror that starts now would be nobody's.
      if (this.#rolling !== undefined) return;
      this.#guest.expectJob({ id, disk: target, type: "mirror", migrationId: plan.id });
      await qmp.execute(
        "blockdev-mirror",
        {
          "job-id": id,
          device: this.#isOff
            ? formatNodeName(target)
            : ((await rootNode(qmp, target)) ?? formatNodeName(target)),
          target: remoteNode(target),
          sync: "full",
          "copy-mode": plan.copyMode,
          "on-source-error": "report",
          "on-target-error": "report",
          // The verdict of a job must outlive it: with the default a failed mirror leaves no trace to query.
          "auto-dismiss": false,
          ...(this.#tuning.diskBandwidth === 0n ? {} : { speed: Number(this.#tuning.diskBandwidth) }),
        },
        { signal: c.signal },
      );
    } catch (e) {
      throw new VirtError(
        "MIGRATION_FAILED",
        `the copy of disk ${target} could not be started: ${messageOf(e)}`,
        {},
        { cause: e },
      );
    }
  }

  async sendMemory(endpoints: Endpoints, c: Call): Promise<void> {
    const { plan } = this.#offer;
    const { qmp } = this.#guest;
    const tls = await this.#tls();
    await Promise.all([
      qmp.execute(
        "migrate-set-capabilities",
        {
          capabilities: capabilitiesOf(plan, "source", [
            this.#offer.hypervisorVersion,
            endpoints.hypervisorVersion,
          ]),
        },
        { signal: c.signal },
      ),
      qmp.execute(
        "migrate-set-parameters",
        parametersOf({ ...plan, tuning: this.#tuning }, tls, tls === "" ? "" : endpoints.tlsHostname),
        { signal: c.signal },
      ),
    ]);
    await qmp.execute("migrate", { uri: endpoints.memoryAddress }, { signal: c.signal });
  }

  async concludeMirrors(_c: Call): Promise<void> {
    this.#mirrors.concluding();
    await Promise.all(
      this.#targets.map(async (target) => {
        try {
          await this.#guest.qmp.execute("block-job-cancel", {
            device: jobId(this.#offer, target),
            force: false,
          });
        } catch (e) {
          // "Already concluded" and "no such job" are refusals too, and never success.
          const why = e instanceof Error ? e.message : String(e);
          for (const fact of this.#mirrors.refused(jobId(this.#offer, target), why)) this.#sink(fact);
        }
      }),
    );
  }

  async continueSwitchover(_c: Call): Promise<void> {
    const { qmp } = this.#guest;
    if (this.#offer.plan.postcopy !== undefined) {
      const { status } = await qmp.execute("query-migrate");
      if (status !== "pre-switchover") return this.#tell(memoryFact(status));
    }
    await qmp.execute("migrate-continue", { state: "pre-switchover" });
  }

  /**
   * A switch-over that fails lets the CPUs go on by itself exactly when they ran as it began (migration.c:
   * vm_was_running). With post-copy the destination may run by then: so they are stopped first.
   */
  async startPostcopy(c: Call): Promise<void> {
    const { qmp } = this.#guest;
    // Wanted before that, QEMU forgets it as it begins.
    await this.#flowing.promise;
    await qmp.execute("stop", undefined, { signal: c.signal });
    const { status } = await qmp.execute("query-status");
    // Memory has converged in this moment: an ordinary switch-over is under way.
    if (status === "finish-migrate") return;
    this.#memory.postcopy();
    await qmp.execute("migrate-start-postcopy");
  }

  async resumePostcopy(address: string, c: Call): Promise<void> {
    const { qmp } = this.#guest;
    const { status } = await qmp.execute("query-migrate", undefined, { signal: c.signal });
    if (status !== "postcopy-recover" && status !== "postcopy-paused") return this.#tell(memoryFact(status));
    // QEMU dies of a second connection while it makes one, or when one that was just made is broken and another asked
    // for at once. It does not say when it has given one up.
    if (performance.now() < this.#tryingUntilMs) return;
    // One that hangs, in a network that swallows everything, makes room for the next try.
    if (status === "postcopy-recover") return this.breakPostcopy(c);
    this.#tryingUntilMs = performance.now() + TRY_AT_MOST_MS;
    await qmp.execute("migrate", { uri: address, resume: true }, { signal: c.signal });
  }

  async breakPostcopy(_c: Call): Promise<void> {
    const { qmp } = this.#guest;
    const paused = awaitEvent(
      qmp,
      (e) => e.event === "MIGRATION" && e.data.status === "postcopy-paused",
      BREAK_TIMEOUT_MS,
    );
    await qmp.execute("yank", { instances: [{ type: "migration" }] }, { outOfBand: true });
    await paused;
  }

  async rollBack({ linkLost }: { readonly linkLost: boolean }, _c: Call): Promise<void> {
    if (this.#isOff) {
      // With the process that copies, all that it made is gone.
      this.#leaving = true;
      await this.#guest.kill();
      return this.#sink({ fact: "rolledBack" });
    }
    if (this.#exited !== undefined) return this.#sink({ fact: "sourceExited", message: this.#exited });
    const job = {
      qmp: this.#guest.qmp,
      jobs: new Map(this.#targets.map((t) => [jobId(this.#offer, t), remoteNode(t)])),
      wasRunning: this.#offer.running,
      tlsObject: this.#tlsObject,
    };
    // A roll-back that is under way may wait for a network that is gone.
    if (linkLost && this.#rolling !== undefined) await rollBack.breakLinks(job);
    this.#rolling ??= this.#rollBack(job, linkLost).catch((e: unknown) => {
      // Asked again, it is tried again.
      this.#rolling = undefined;
      throw e;
    });
    return this.#rolling;
  }

  async #rollBack(job: Undoing, linkLost: boolean): Promise<void> {
    if (linkLost) await rollBack.breakLinks(job);
    // Whatever is being started has started, or failed to, before it is undone.
    await this.#starting?.catch(() => undefined);
    if (await rollBack.isTooLate(job)) {
      return this.#endGuest(
        "its post-copy broke before the destination ran it, and QEMU cannot take it back from there",
      );
    }
    try {
      await rollBack.all({ ...job, tlsObject: this.#tlsObject }, linkLost);
    } finally {
      // Whatever could not be undone, the guest is its own again.
      for (const id of job.jobs.keys()) this.#guest.forgetJob(id);
      await this.#guest.released();
    }
    this.#sink({ fact: "rolledBack" });
  }

  async end(_c: Call): Promise<void> {
    await this.#endGuest("neither host has all of its memory");
  }

  async #endGuest(message: string): Promise<void> {
    this.#leaving = true;
    if (this.#exited === undefined) await this.#guest.kill();
    this.#sink({ fact: "sourceExited", message });
  }

  async retire({ undefine }: { readonly undefine: boolean }, _c: Call): Promise<void> {
    this.#leaving = true;
    await this.#guest.retire(undefine);
    this.#sink({ fact: "retired" });
  }

  async tune(tuning: Tuning, c: Call): Promise<void> {
    const { qmp } = this.#guest;
    this.#tuning = tuning;
    if (!this.#isOff)
      await qmp.execute("migrate-set-parameters", tuningParameters(tuning), { signal: c.signal });
    const ids = this.#targets.map((t) => jobId(this.#offer, t));
    await limitCopies(qmp, ids, tuning.diskBandwidth, c.signal);
  }

  async sample(c: Call): Promise<MigrationSample> {
    const options = { signal: c.signal, timeoutMs: 1_000 };
    const [memory, jobs] = await Promise.all([
      this.#isOff ? {} : this.#guest.qmp.execute("query-migrate", undefined, options),
      this.#guest.qmp.execute("query-block-jobs", undefined, options),
    ]);
    return {
      disks: this.#targets.flatMap((target) => {
        const job = jobs.find((j) => j.device === jobId(this.#offer, target));
        return job === undefined
          ? []
          : [{ target, totalBytes: BigInt(job.len), copiedBytes: BigInt(job.offset) }];
      }),
      ...memoryOf(memory),
    };
  }

  close(): void {
    this.#leaving = true;
    this.#hearing[Symbol.dispose]();
  }

  /** Says what a query shows to be so now: events of the time without an agent are not repeated. */
  async reconcile(): Promise<void> {
    const { qmp } = this.#guest;
    const [jobs, memory] = await Promise.all([qmp.execute("query-jobs"), qmp.execute("query-migrate")]);
    if (jobs.some((j) => this.#targets.some((t) => j.id === jobId(this.#offer, t)))) {
      for (const fact of this.#mirrors.reconcile(jobs)) this.#sink(fact);
    }
    // The agent before this one may have asked for it just now.
    if (memory.status === "postcopy-recover") this.#tryingUntilMs = performance.now() + TRY_AT_MOST_MS;
    this.#tell(memoryFact(memory.status));
  }

  async #tls(): Promise<string> {
    if (this.#tlsDir === undefined || !this.#offer.plan.tls) return "";
    this.#tlsObject ??= await addTlsObject(this.#guest.qmp, this.#offer.plan.id, "client", this.#tlsDir);
    return this.#tlsObject;
  }

  #hear(event: QmpEvent): void {
    if (this.#leaving || this.#rolling !== undefined) {
      // Only why a copy failed is still wanted.
      for (const fact of this.#mirrors.observe(event)) if (fact.fact === "mirrorFailed") this.#sink(fact);
      return;
    }
    if (event.event === "BLOCK_IO_ERROR") {
      this.#sink({
        fact: "guestIoError",
        disk: event.data["node-name"] ?? event.data.device,
        message: event.data.reason,
      });
    }
    for (const fact of this.#mirrors.observe(event)) this.#sink(fact);
    if (event.event === "MIGRATION") {
      if (event.data.status === "active") this.#flowing.resolve();
      if (event.data.status === "postcopy-active" || event.data.status === "postcopy-paused")
        this.#tryingUntilMs = 0;
      if (event.data.status === "postcopy-active") this.#limitAgain();
    }
    this.#tell(this.#memory.observe(event));
  }

  /** QEMU notes the limit of post-copy before it waits at the switch-over (postcopy_start): one set meanwhile is lost. */
  #limitAgain(): void {
    this.#guest.qmp
      .execute("migrate-set-parameters", tuningParameters(this.#tuning))
      // Gone, it needs no limit.
      .catch(() => undefined);
  }

  #tell(memory: MemoryFact | undefined): void {
    if (memory === undefined) return;
    if (memory.fact === "ended") void this.#sayWhy(memory.status);
    else this.#sink(memory);
  }

  async #sayWhy(status: "failed" | "cancelled"): Promise<void> {
    const known = await this.#guest.qmp
      .execute("query-migrate", undefined, { timeoutMs: 1_000 })
      .catch(() => undefined);
    const message =
      known?.["error-desc"] ??
      (status === "failed" ? "QEMU does not say why" : "it was cancelled by somebody else");
    this.#sink({ fact: "memoryFailed", message });
  }
}

function memoryOf(m: QmpMigration): Omit<MigrationSample, "disks"> {
  const { ram } = m;
  const n = (x: number | undefined): bigint => BigInt(Math.max(0, Math.round(x ?? 0)));
  return {
    memoryTotalBytes: n(ram?.total),
    memoryTransferredBytes: n(ram?.transferred),
    memoryRemainingBytes: n(ram?.remaining),
    dirtyBytesPerSecond: n((ram?.["dirty-pages-rate"] ?? 0) * (ram?.["page-size"] ?? 4096)),
    throughputBytesPerSecond: n(((ram?.mbps ?? 0) * 1e6) / 8),
    memoryPasses: ram?.["dirty-sync-count"] ?? 0,
    downtimeMs: m.downtime ?? 0,
  };
}
