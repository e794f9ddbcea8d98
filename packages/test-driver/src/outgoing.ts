import type { Call } from "@virtmesh/core/call";
import type { BlockJobInfo, BlockJobState } from "@virtmesh/core/driver/block-jobs";
import type {
  MigrationOffer,
  MigrationSample,
  OfferedDisk,
  OutgoingMigration,
  Tuning,
} from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { Order, SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { FaultPlan } from "./faults.ts";
import type { Guest, Instance } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Image, WriteListener } from "./images.ts";
import { pause } from "./pause.ts";
import { dial, type FromDestination, type FromSource, Line } from "./wire.ts";

/** Steps in which a copy advances, so that progress can be seen. */
const STEPS = 4;
const STEP_BYTES = 1024;

interface Mirror {
  readonly disk: OfferedDisk;
  readonly image: Image;
  readonly onWrite: WriteListener;
  job: BlockJobInfo;
}

/**
 * A test guest on its way out. Copies are real as far as images have content: what the guest writes after its
 * mirror is ready is sent on, until the mirror is concluded.
 */
export class Outgoing implements OutgoingMigration {
  readonly #hypervisor: Hypervisor;
  readonly #guest: Guest;
  readonly #instance: Instance | undefined;
  readonly #plan: FaultPlan;
  readonly #offer: MigrationOffer;
  readonly #sink: (fact: SourceHypervisorFact) => void;
  readonly #run: (task: (signal: AbortSignal) => Promise<void>) => void;
  #tuning: Tuning;
  readonly #stop = new AbortController();
  readonly #mirrors = new Map<string, Mirror>();
  #line: Line<FromSource, FromDestination> | undefined;
  #memory: "idle" | "sending" | "waiting" | "pulled" | "broken" | "sent" = "idle";
  #order: Order = "precopy";
  /** How often pulling was begun: once, and again after each break. */
  #pulls = 0;
  #memorySent = 0n;
  #over = false;

  constructor(
    hypervisor: Hypervisor,
    guest: Guest,
    plan: FaultPlan,
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    run: (task: (signal: AbortSignal) => Promise<void>) => void,
  ) {
    this.#hypervisor = hypervisor;
    this.#guest = guest;
    this.#instance = guest.instance;
    this.#plan = plan;
    this.#offer = offer;
    this.#tuning = offer.plan.tuning;
    this.#sink = (fact) => {
      if (!this.#over) sink(fact);
    };
    this.#run = run;
    guest.instance?.life.signal.addEventListener("abort", this.#onExit, { once: true });
  }

  /** Its limits as they were set last; undefined when it is over. */
  get tuning(): Tuning | undefined {
    return this.#over ? undefined : this.#tuning;
  }

  async startMirrors(endpoints: Endpoints, c: Call): Promise<void> {
    await this.#plan.before("migration.startMirrors", c);
    await this.#connect(endpoints.memoryAddress, c);
    for (const disk of this.#offer.disks.filter((d) => d.copy)) this.#startMirror(disk);
  }

  async sendMemory(endpoints: Endpoints, c: Call): Promise<void> {
    await this.#plan.before("migration.sendMemory", c);
    await this.#connect(endpoints.memoryAddress, c);
    this.#memory = "sending";
    this.#task((signal) => this.#sendMemory(signal));
  }

  async concludeMirrors(c: Call): Promise<void> {
    await this.#plan.before("migration.concludeMirrors", c);
    for (const [target, mirror] of this.#mirrors) {
      const message = this.#plan.mirrorFailure(target, "conclude");
      if (message !== undefined) this.#failMirror(mirror, message);
      else this.#line?.send({ say: "conclude", disk: target });
    }
  }

  async continueSwitchover(c: Call): Promise<void> {
    await this.#plan.before("migration.continueSwitchover", c);
    const message = this.#plan.migrationFailure("deviceState");
    if (message !== undefined) return this.#failMemory(message);
    const partly = this.#order === "postcopy";
    this.#line?.send({ say: "deviceState", partly });
    if (partly) this.#pull();
  }

  async startPostcopy(c: Call): Promise<void> {
    await this.#plan.before("migration.startPostcopy", c);
    if (this.#memory !== "sending") return;
    this.#order = "postcopy";
    this.#switchOver();
  }

  async resumePostcopy(address: string, c: Call): Promise<void> {
    await this.#plan.before("migration.resumePostcopy", c);
    if (this.#memory !== "broken") return;
    await this.#connect(address, c);
    this.#pull();
  }

  async breakPostcopy(c: Call): Promise<void> {
    await this.#plan.before("migration.breakPostcopy", c);
    this.breakLine();
  }

  /** The connection to the destination breaks from outside; for tests. */
  breakLine(): void {
    const line = this.#line;
    this.#line = undefined;
    line?.[Symbol.dispose]();
  }

  async rollBack(_options: { readonly linkLost: boolean }, c: Call): Promise<void> {
    await this.#plan.before("migration.rollBack", c);
    this.#letGo();
    for (const mirror of this.#mirrors.values()) this.#setJob(mirror, "cancelled");
    this.#mirrors.clear();
    const { instance } = this.#guest;
    if (instance !== undefined && instance.state === "paused" && instance.reason === "migrating") {
      if (this.#offer.running) this.#hypervisor.resume(this.#guest, instance, "unpaused");
      else instance.reason = "user";
    }
    this.#sink({ fact: "rolledBack" });
  }

  async end(c: Call): Promise<void> {
    await this.#plan.before("migration.end", c);
    this.#letGo();
    if (this.#guest.instance !== undefined) this.#hypervisor.stop(this.#guest, "crashed");
    this.#sink({ fact: "sourceExited", message: "no host has all of its memory" });
  }

  async retire(options: { readonly undefine: boolean }, c: Call): Promise<void> {
    await this.#plan.before("migration.retire", c);
    this.#guest.instance?.life.signal.removeEventListener("abort", this.#onExit);
    this.#letGo();
    if (this.#guest.instance !== undefined) this.#hypervisor.stop(this.#guest, "migrated");
    if (options.undefine && this.#guest.persistent !== undefined) this.#hypervisor.undefine(this.#guest);
    this.#sink({ fact: "retired" });
  }

  async tune(tuning: Tuning, c: Call): Promise<void> {
    await this.#plan.before("migration.tune", c);
    this.#tuning = tuning;
    for (const mirror of this.#mirrors.values()) {
      mirror.job = { ...mirror.job, speedLimitBytesPerSecond: tuning.diskBandwidth };
      this.#instance?.jobs.set(mirror.job.id, mirror.job);
    }
  }

  async sample(): Promise<MigrationSample> {
    const total = this.#offer.memoryBytes;
    return {
      disks: this.#offer.disks
        .filter((disk) => disk.copy)
        .map((disk) => ({
          target: disk.target,
          totalBytes: disk.capacityBytes,
          copiedBytes:
            this.#mirrors.get(disk.target)?.job.doneBytes ??
            (this.#memory === "idle" ? 0n : disk.capacityBytes),
        })),
      memoryTotalBytes: total,
      memoryTransferredBytes: this.#memorySent,
      memoryRemainingBytes: total - this.#memorySent,
      dirtyBytesPerSecond: 0n,
      throughputBytesPerSecond: 0n,
      memoryPasses: this.#memory === "idle" ? 0 : 1,
      downtimeMs: 0,
    };
  }

  /** One disk's copy breaks from outside; for tests. */
  breakMirror(disk: string, message: string): void {
    const mirror = this.#mirrors.get(disk);
    if (mirror === undefined) throw new VirtError("JOB_NOT_FOUND", `disk ${disk} is not being copied`);
    this.#failMirror(mirror, message);
  }

  ioError(disk: string, message: string): void {
    this.#sink({ fact: "guestIoError", disk, message });
  }

  close(): void {
    this.#letGo();
    this.#over = true;
  }

  async #connect(address: string, c: Call): Promise<void> {
    if (this.#line !== undefined) return;
    const socket = await dial(address, c.signal);
    this.#line = new Line<FromSource, FromDestination>(
      socket,
      (message) => this.#hear(message),
      () => {
        this.#line = undefined;
        this.#onLineLost("the connection to the destination broke");
      },
    );
    this.#line.send({ say: "hello", migration: this.#offer.plan.id });
  }

  #hear(message: FromDestination): void {
    switch (message.say) {
      case "welcome":
        return;
      case "concluded":
        return this.#conclude(message.disk);
      case "loaded":
        this.#memory = "sent";
        return this.#sink({ fact: "sent" });
      case "refused":
        return this.#onLineLost(message.message);
    }
  }

  #startMirror(disk: OfferedDisk): void {
    const image = this.#hypervisor.images.open(disk.sourcePath, disk.capacityBytes);
    const onWrite: WriteListener = (offset, data) => this.#sendWrite(disk.target, offset, data);
    const job: BlockJobInfo = {
      id: `mirror-${disk.target}`,
      disk: disk.target,
      type: "mirror",
      state: "running",
      doneBytes: 0n,
      totalBytes: disk.capacityBytes,
      speedLimitBytesPerSecond: this.#tuning.diskBandwidth,
      error: "",
      migrationId: this.#offer.plan.id,
    };
    const mirror: Mirror = { disk, image, onWrite, job };
    this.#mirrors.set(disk.target, mirror);
    image.listeners.add(onWrite);
    this.#setJob(mirror, "running");
    this.#task((signal) => this.#copy(mirror, signal));
  }

  async #copy(mirror: Mirror, signal: AbortSignal): Promise<void> {
    const { target } = mirror.disk;
    const stepMs = this.#plan.delayOf("migration.copy") / STEPS;
    for (let step = 1; step <= STEPS; step++) {
      await pause(stepMs, signal);
      const at = (step - 1) * STEP_BYTES;
      this.#sendWrite(target, at, mirror.image.content.subarray(at, at + STEP_BYTES));
      mirror.job = { ...mirror.job, doneBytes: (mirror.job.totalBytes * BigInt(step)) / BigInt(STEPS) };
      const early = this.#plan.mirrorFailure(target, "beforeReady");
      if (early !== undefined && step === 2) return this.#failMirror(mirror, early);
    }
    this.#setJob(mirror, "ready");
    this.#sink({ fact: "mirrorReady", disk: target });
    const late = this.#plan.mirrorFailure(target, "afterReady");
    if (late === undefined) return;
    await pause(0, signal);
    this.#failMirror(mirror, late);
  }

  async #sendMemory(signal: AbortSignal): Promise<void> {
    const stepMs = this.#plan.delayOf("migration.memory") / STEPS;
    for (let step = 1; step <= STEPS; step++) {
      await pause(stepMs, signal);
      // Post-copy has taken over.
      if (this.#memory !== "sending") return;
      this.#sink({ fact: "memoryPass", pass: step });
      if (!this.#stillSends()) return;
      const before = this.#memorySent;
      this.#memorySent = (this.#offer.memoryBytes * BigInt(step)) / BigInt(STEPS);
      this.#line?.send({ say: "memory", bytes: String(this.#memorySent - before) });
      if (step !== STEPS / 2) continue;
      const message = this.#plan.migrationFailure("memory");
      if (message !== undefined) return this.#failMemory(message);
      if (this.#plan.migrationFailure("exit") !== undefined)
        return this.#hypervisor.stop(this.#guest, "crashed");
    }
    this.#switchOver();
  }

  #stillSends(): boolean {
    return this.#memory === "sending";
  }

  /** Post-copy: what is left of the memory follows, if nothing breaks. */
  #pull(): void {
    this.#memory = "pulled";
    this.#pulls += 1;
    const pull = this.#pulls;
    this.#sink({ fact: "postcopyActive" });
    this.#task(async (signal) => {
      await pause(this.#plan.delayOf("migration.pull"), signal);
      // One that broke has been taken over by another.
      if (this.#memory !== "pulled" || pull !== this.#pulls) return;
      this.#memorySent = this.#offer.memoryBytes;
      this.#line?.send({ say: "complete" });
    });
  }

  #switchOver(): void {
    this.#memory = "waiting";
    const instance = this.#instance;
    if (instance !== undefined && instance.state === "running")
      this.#hypervisor.pause(this.#guest, instance, "migrating");
    else if (instance !== undefined) instance.reason = "migrating";
    this.#sink({ fact: "switchover", stoppedForMs: 0, order: this.#order });
  }

  #sendWrite(disk: string, offset: number, data: Uint8Array): void {
    this.#line?.send({ say: "write", disk, offset, data: Buffer.from(data).toString("base64") });
  }

  #conclude(disk: string): void {
    const mirror = this.#mirrors.get(disk);
    if (mirror === undefined) return;
    this.#end(mirror, "completed", "");
    this.#sink({ fact: "mirrorConcluded", disk });
  }

  #failMirror(mirror: Mirror, message: string): void {
    if (!this.#mirrors.has(mirror.disk.target)) return;
    this.#end(mirror, "failed", message);
    this.#sink({ fact: "mirrorFailed", disk: mirror.disk.target, message });
  }

  #end(mirror: Mirror, state: BlockJobState, error: string): void {
    mirror.image.listeners.delete(mirror.onWrite);
    this.#mirrors.delete(mirror.disk.target);
    mirror.job = { ...mirror.job, error };
    this.#setJob(mirror, state);
  }

  #setJob(mirror: Mirror, state: BlockJobState): void {
    mirror.job = { ...mirror.job, state };
    if (this.#instance !== undefined) this.#hypervisor.setJob(this.#guest, this.#instance, mirror.job);
  }

  #failMemory(message: string): void {
    this.#memory = "idle";
    this.#sink({ fact: "memoryFailed", message });
  }

  #onLineLost(message: string): void {
    if (this.#stop.signal.aborted) return;
    if (this.#memory === "pulled") {
      this.#memory = "broken";
      return this.#sink({ fact: "postcopyPaused", message });
    }
    for (const mirror of [...this.#mirrors.values()]) this.#failMirror(mirror, message);
    if (this.#memory === "sending" || this.#memory === "waiting") this.#failMemory(message);
  }

  readonly #onExit = (): void => {
    const message = messageOf(this.#instance?.life.signal.reason);
    this.#letGo();
    this.#mirrors.clear();
    this.#sink({ fact: "sourceExited", message });
  };

  /** Ends what is on its way; the guest itself stays as it is. */
  #letGo(): void {
    this.#stop.abort();
    this.#guest.instance?.life.signal.removeEventListener("abort", this.#onExit);
    for (const mirror of this.#mirrors.values()) mirror.image.listeners.delete(mirror.onWrite);
    this.#line?.[Symbol.dispose]();
    this.#line = undefined;
  }

  #task(task: (signal: AbortSignal) => Promise<void>): void {
    this.#run((closing) => task(AbortSignal.any([closing, this.#stop.signal])));
  }
}
