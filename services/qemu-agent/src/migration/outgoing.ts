import type { Call } from "@virtmesh/core/call";
import type {
  MigrationOffer,
  MigrationSample,
  OutgoingMigration,
  Tuning,
} from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { QmpEvent } from "../qmp/events.ts";
import { type MemoryFact, memoryFact, MemoryWatch } from "./memory-watch.ts";
import { limitCopies } from "./limit-copies.ts";
import { MirrorWatch } from "./mirror-watch.ts";
import { capabilitiesOf, parametersOf, tuningParameters } from "./parameters.ts";
import { PostcopyLink } from "./postcopy-link.ts";
import { rollBack, type Undoing } from "./roll-back.ts";
import { sample } from "./sample.ts";
import type { SourceGuest } from "./source-guest.ts";
import { jobId, remoteNode, startMirror } from "./start-mirror.ts";
import { addTlsObject } from "./tls-files.ts";

/** Stopping waits for every write of the mirrors, and the guest stands still meanwhile. */
const STOP_TIMEOUT_MS = 10_000;

/** A QEMU guest on its way out. */
export class QemuOutgoing implements OutgoingMigration {
  readonly #offer: MigrationOffer;
  readonly #guest: SourceGuest;
  readonly #sink: (fact: SourceHypervisorFact) => void;
  readonly #tlsDir: string | undefined;
  readonly #mirrors: MirrorWatch;
  readonly #memory = new MemoryWatch();
  readonly #link: PostcopyLink;
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
  /** The guest runs as before, and what was sent of its memory has come to its end or (false) has not. */
  #home: { readonly isEnded: boolean } | undefined;
  #isSending = false;
  /** Memory has begun to flow. */
  readonly #flowing = Promise.withResolvers<void>();
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
    this.#link = new PostcopyLink(guest);
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
    const object = await this.#tls();
    const isUndone = (): boolean => this.#rolling !== undefined;
    for (const to of endpoints.exports) {
      if (isUndone()) return;
      const tls = object === "" ? undefined : { object, hostname: endpoints.tlsHostname };
      const how = { tls, speed: this.#tuning.diskBandwidth, isUndone };
      await startMirror(this.#guest, this.#offer, to, how, c);
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
    // The second half of a reboot would let them go on: refused in the switch-over, and done right behind it (postmigrate).
    this.#guest.standStill();
    this.#isSending = true;
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
    if (this.#exited !== undefined) return this.#sink({ fact: "sourceExited", message: this.#exited });
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
    await qmp.execute("stop", undefined, { signal: c.signal, timeoutMs: STOP_TIMEOUT_MS });
    const { status } = await qmp.execute("query-status");
    // Memory has converged in this moment: an ordinary switch-over is under way.
    if (status === "finish-migrate") return;
    this.#memory.postcopy();
    await qmp.execute("migrate-start-postcopy");
  }

  async resumePostcopy(address: string, c: Call): Promise<void> {
    this.#tell(memoryFact(await this.#link.mend(address, c)));
  }

  async breakPostcopy(_c: Call): Promise<void> {
    await this.#link.break();
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
    if (linkLost || !(await rollBack.answers(job))) await rollBack.breakLinks(job);
    // Whatever is being started has started, or failed to, before it is undone.
    await this.#starting?.catch(() => undefined);
    // Once it runs as before it is its own: when it stops then, nobody lets it go on again from here.
    if (this.#home === undefined) {
      if (await rollBack.isTooLate(job)) {
        return this.#endGuest(
          "its post-copy broke before the destination ran it, and QEMU cannot take it back from there",
        );
      }
      this.#home = { isEnded: await rollBack.goHome(job, linkLost) };
    }
    const leftovers = await rollBack.tidy({ ...job, tlsObject: this.#tlsObject }, this.#home.isEnded);
    for (const id of job.jobs.keys()) this.#guest.forgetJob(id);
    await this.#guest.released();
    this.#sink({ fact: "rolledBack", leftovers });
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
    const jobs = new Map(this.#targets.map((target) => [jobId(this.#offer, target), target]));
    return await sample(this.#guest.qmp, jobs, { memory: !this.#isOff, signal: c.signal });
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
    this.#link.found(memory.status);
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
    // What has powered off cannot be let run on another host: it is reset, or ends, here.
    if (event.event === "SHUTDOWN" && event.data.reason === "guest-shutdown" && this.#isSending)
      this.#sink({ fact: "memoryFailed", message: "the guest powered off, to reboot or for good" });
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
      this.#link.hear(event.data.status);
      // Gone, it needs no limit.
      if (event.data.status === "postcopy-active") void this.#limitAgain().catch(() => undefined);
    }
    this.#tell(this.#memory.observe(event));
  }

  /** QEMU notes the limit of post-copy before it waits at the switch-over (postcopy_start): one set meanwhile is lost. */
  async #limitAgain(): Promise<void> {
    await this.#guest.qmp.execute("migrate-set-parameters", tuningParameters(this.#tuning));
  }

  #tell(memory: MemoryFact | undefined): void {
    if (memory === undefined) return;
    if (memory.fact === "ended") void this.#sayWhy(memory.status);
    else this.#sink(memory);
  }

  async #sayWhy(status: "failed" | "cancelled"): Promise<void> {
    const ask = async () => await this.#guest.qmp.execute("query-migrate", undefined, { timeoutMs: 1_000 });
    const known = await ask().catch(() => undefined);
    const message =
      known?.["error-desc"] ??
      (status === "failed" ? "QEMU does not say why" : "it was cancelled by somebody else");
    this.#sink({ fact: "memoryFailed", message });
  }
}
