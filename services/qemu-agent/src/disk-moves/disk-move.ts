import { setTimeout as delay } from "node:timers/promises";
import type { DiskMoved, DiskMovePlace, DiskMoveRun } from "@virtmesh/core/driver/disk-moves";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import type { Instance } from "../domain/instance.ts";
import type { LaunchSite } from "../domain/launch.ts";
import { fillImage } from "../migration/images.ts";
import { makeEmptyFile } from "../migration/made-images.ts";
import { makeAll } from "../hotplug/plug.ts";
import { CopyWatch } from "./copy-watch.ts";
import { awaitEnd, cancelJob, forgetJob, restJob, startMirror, wakeJob } from "./mirror-job.ts";
import { newNodeSteps } from "./new-nodes.ts";
import { rootNode } from "./nodes.ts";
import { withMovedDisk } from "./moved-disk.ts";
import type { DiskMoveRecord, QemuDiskMoveRecords } from "./records.ts";
import { concludeMove, settleWithoutGuest, undoneError, undoOnHost } from "./settle.ts";

/** How often the copy is looked at for the progress that people see. */
const SAMPLE_MS = 250;
/** How long the copy may take to come to rest, and then the guest stand still for the pivot: storage that hangs must not hold it. */
const PIVOT_MS = 10_000;
const HANGS = `the storage did not take the last writes within ${PIVOT_MS / 1000} s`;
const RETRY_MS = 1_000;

export interface DiskMoveSite {
  readonly guests: Guests;
  readonly records: QemuDiskMoveRecords;
  readonly launch: LaunchSite;
  readonly logger: MeshLogger;
}

/** Its QEMU has ended: nothing is left to be told to it. */
class GuestEnded extends Error {}

/**
 * One disk on its way to other storage: a mirror, and when it is ready a pivot. The CPUs stand still from before the pivot
 * until the definitions name the new image: so whenever QEMU dies, the image that the definition names has every write.
 * Ready is no proof here either, and neither is the end of the job: what counts is which image the device uses then.
 */
export class MovingDisk {
  readonly #site: DiskMoveSite;
  readonly #guest: Guest;
  readonly #instance: Instance;
  readonly #run: DiskMoveRun;
  readonly #signal: AbortSignal;
  readonly #job: string;
  readonly #watch: CopyWatch;
  #record: DiskMoveRecord;

  /** `signal`: the agent's end, which ends the watching and nothing else. @throws DOMAIN_NOT_RUNNING */
  constructor(
    site: DiskMoveSite,
    guest: Guest,
    record: DiskMoveRecord,
    run: DiskMoveRun,
    signal: AbortSignal,
  ) {
    this.#site = site;
    this.#guest = guest;
    this.#instance = guest.running;
    this.#record = record;
    this.#run = run;
    this.#signal = signal;
    this.#job = `move-${record.move.id.slice(0, 8)}-${record.move.disk}`;
    this.#watch = new CopyWatch(this.#job, record.move.disk);
  }

  /** From the beginning; `capacityBytes` is what the new image must hold. */
  async begin(capacityBytes: bigint): Promise<DiskMoved> {
    await this.#note({});
    return await this.#whileItLives(async () => {
      try {
        await this.#reached("recorded");
        await this.#start(capacityBytes);
      } catch (e) {
        this.#signal.throwIfAborted();
        return await this.#end(messageOf(e), e);
      }
      await this.#reached("copying");
      return await this.#follow();
    });
  }

  /** Where an earlier agent left it. */
  async resume(): Promise<DiskMoved> {
    if (this.#record.phase === "pivoting") this.#watch.concluding();
    return await this.#whileItLives(() => this.#catchUp());
  }

  async #start(capacityBytes: bigint): Promise<void> {
    const { move, format, oldNodes, newNodes } = this.#record;
    await this.#note({ file: await makeEmptyFile(move.path, move.disk) });
    const image = { target: move.disk, destinationPath: move.path, destinationFormat: format, capacityBytes };
    await fillImage(image, this.#signal);
    await this.#reached("made");
    const steps = await newNodeSteps(this.#instance, this.#record, this.#site.launch);
    await makeAll(this.#guest, steps, this.#signal);
    this.#guest.jobs.expect({ id: this.#job, disk: move.disk, type: "mirror" });
    const { bytesPerSecond } = move;
    const job = { id: this.#job, from: oldNodes.format, to: newNodes.format, bytesPerSecond };
    await startMirror(this.#guest.qmp, job);
  }

  /** Asks what is: after a restart of the agent, or when the connection to QEMU broke. */
  async #catchUp(): Promise<DiskMoved> {
    const job = await this.#surely("QEMU does not say what became of the copy", async () =>
      (await this.#guest.qmp.execute("query-jobs")).find(({ id }) => id === this.#job),
    );
    if (job === undefined) return await this.#end("the agent was restarted before the copy had begun");
    if (job.status === "concluded") return await this.#end(job.error ?? "the copy was stopped");
    this.#guest.jobs.expect({ id: this.#job, disk: this.#record.move.disk, type: "mirror" });
    this.#watch.reconcile(job);
    return await this.#follow();
  }

  async #follow(): Promise<DiskMoved> {
    using watched = new DisposableStack();
    const sampling = setInterval(() => void this.#sample(), SAMPLE_MS);
    watched.defer(() => clearInterval(sampling));
    const cancel = (): void => void this.#cancel();
    this.#run.cancel.addEventListener("abort", cancel, { once: true });
    watched.defer(() => this.#run.cancel.removeEventListener("abort", cancel));
    if (this.#run.cancel.aborted) cancel();
    const { qmp } = this.#instance;
    // One that has ended already is told of too.
    if (qmp !== undefined) watched.use(this.#watch.expectConnectionEnd(qmp));
    for (;;) {
      const fact = await this.#watch.next(this.#record.phase === "copying" ? this.#signal : undefined);
      switch (fact.fact) {
        case "mirrorReady":
          try {
            await this.#pivot();
          } catch (e) {
            return await this.#end(messageOf(e), e);
          }
          break;
        case "mirrorConcluded":
          return await this.#end("the copy has ended, and the guest still uses the old image");
        case "mirrorFailed":
          // Why it failed is told when the job has ended.
          if (fact.preliminary === true) break;
          return await this.#end(fact.message);
        case "disconnected":
          return await this.#catchUp();
        case "late":
          await this.#giveUpPivot();
          break;
        case "exited":
          throw new GuestEnded();
      }
    }
  }

  async #pivot(): Promise<void> {
    await this.#reached("ready");
    if (this.#watch.hasFailed) return;
    const { qmp } = this.#guest;
    if (this.#record.phase === "copying") {
      // It is being stopped.
      if (this.#run.cancel.aborted) return;
      const { running, status } = await qmp.execute("query-status");
      if (status === "suspended") throw asleep(this.#guest.name);
      if (!(await this.#rests())) return;
      await this.#note({ phase: "pivoting", resume: running });
    }
    await this.#reached("decided");
    if (!(await this.#rests())) return;
    this.#guest.standStill();
    if (this.#record.resume) await qmp.execute("stop");
    this.#watch.lateIn(PIVOT_MS);
    await this.#reached("stopped");
    this.#watch.concluding();
    await wakeJob(qmp, this.#job);
    // What is left is what the guest waits for.
    await qmp.execute("block-job-set-speed", { device: this.#job, speed: 0 });
    await qmp.execute("block-job-complete", { device: this.#job });
    await this.#reached("told");
  }

  /** The guest runs meanwhile. @returns false when the copy, or the connection, has ended instead: a fact tells so */
  async #rests(): Promise<boolean> {
    const { qmp } = this.#guest;
    const became = await restJob(qmp, this.#job, PIVOT_MS);
    if (became !== undefined || !qmp.isOpen) return became === "rests";
    this.#watch.blame(HANGS);
    throw new VirtError("HYPERVISOR_UNRESPONSIVE", HANGS);
  }

  /** Past the decision to pivot it goes to its end. */
  async #cancel(): Promise<void> {
    const { qmp } = this.#instance;
    if (this.#record.phase === "copying" && qmp?.isOpen === true) await cancelJob(qmp, this.#job);
  }

  /** The storage does not take the last writes: the guest goes on with the old image. */
  async #giveUpPivot(): Promise<void> {
    this.#watch.blame(HANGS);
    this.#watch.endsByUs();
    await this.#surely("the pivot cannot be given up", async () => {
      await cancelJob(this.#guest.qmp, this.#job);
      if ((await this.#root()) !== this.#record.newNodes.format) await this.#goOn();
    });
  }

  /** The job has ended, or shall: which image the device uses then is what came of the move. */
  async #end(why: string, cause?: unknown): Promise<DiskMoved> {
    this.#watch.endsByUs();
    const root = await this.#surely("QEMU does not say which image the disk uses", async () => {
      await cancelJob(this.#guest.qmp, this.#job);
      return await this.#root();
    });
    if (root === this.#record.newNodes.format) return await this.#finish();
    throw await this.#undo(why, cause);
  }

  /** The device uses the new image: says so in the definitions, and only then lets the guest write to it. */
  async #finish(): Promise<DiskMoved> {
    const { move, from, oldNodes, newNodes, format } = this.#record;
    await this.#reached("pivoted");
    await this.#surely("the definitions cannot be changed", () =>
      this.#site.guests.relocateDisk(this.#guest, move.disk, newNodes.second, (definition) =>
        withMovedDisk(definition, { disk: move.disk, from, to: move.path, format }),
      ),
    );
    await this.#reached("defined");
    await this.#surely("the guest cannot go on", () => this.#goOn());
    await this.#reached("resumed");
    // An agent that ends leaves the rest, which nobody waits for, to the next one.
    this.#signal.throwIfAborted();
    await this.#surely("the old image cannot be closed", async () => {
      await awaitEnd(this.#guest.qmp, this.#job);
      await forgetJob(this.#guest.qmp, this.#job, oldNodes);
      this.#guest.jobs.forget(this.#job);
    });
    return await this.#surely("the move cannot be brought to its end", () =>
      concludeMove(this.#record, this.#site),
    );
  }

  /** Everything as it was. @returns the error that says why */
  async #undo(why: string, cause: unknown): Promise<VirtError> {
    await this.#surely("the guest cannot go on", () => this.#goOn());
    await this.#reached("undoing");
    await this.#surely("the new image cannot be closed", async () => {
      await awaitEnd(this.#guest.qmp, this.#job);
      await forgetJob(this.#guest.qmp, this.#job, this.#record.newNodes);
      this.#guest.jobs.forget(this.#job);
    });
    const left = await this.#surely("the move cannot be undone", () => undoOnHost(this.#record, this.#site));
    const cancelled = this.#run.cancel.aborted || this.#watch.wasCancelled;
    const { name } = this.#guest;
    return undoneError(name, this.#record, { why: this.#watch.why ?? why, cancelled, left, cause });
  }

  async #goOn(): Promise<void> {
    const { qmp } = this.#guest;
    if (this.#record.resume && !(await qmp.execute("query-status")).running) await qmp.execute("cont");
    this.#guest.goOn();
  }

  #root(): Promise<string | undefined> {
    return rootNode(this.#guest.qmp, this.#record.move.disk);
  }

  async #note(change: Partial<DiskMoveRecord>): Promise<void> {
    const record = { ...this.#record, ...change };
    try {
      await this.#site.records.write(record);
    } catch (cause) {
      const why = `what is done with disk ${record.move.disk} cannot be written down: ${messageOf(cause)}`;
      throw new VirtError("HOST_SETUP", why, {}, { cause });
    }
    this.#record = record;
  }

  async #reached(place: DiskMovePlace): Promise<void> {
    await this.#run.reached(place);
  }

  async #sample(): Promise<void> {
    const { qmp } = this.#instance;
    if (qmp?.isOpen !== true) return;
    const jobs = await qmp
      .execute("query-block-jobs", undefined, { timeoutMs: SAMPLE_MS })
      // Only a look, for people.
      .catch(() => []);
    const job = jobs.find(({ device }) => device === this.#job);
    if (job === undefined) return;
    this.#run.progress({ totalBytes: BigInt(job.len), copiedBytes: BigInt(job.offset), ready: job.ready });
  }

  async #whileItLives(work: () => Promise<DiskMoved>): Promise<DiskMoved> {
    using _hearing = this.#watch.listen(this.#guest);
    try {
      return await work();
    } catch (e) {
      if (!(e instanceof GuestEnded)) throw e;
      return await settleWithoutGuest(this.#record, this.#guest, this.#site, this.#run.cancel.aborted);
    } finally {
      this.#guest.goOn();
    }
  }

  /**
   * Neither QEMU nor the disk below the state directory says when it works again, and half a move is no state to be left in:
   * so it is tried until it works. @throws GuestEnded, and what failed when the agent ends
   */
  async #surely<T>(what: string, work: () => Promise<T>): Promise<T> {
    // That it has ended wakes once: an end that is known already would leave no time in which the guest is told of it.
    let exited: Promise<unknown> | undefined = this.#instance.exited;
    for (;;) {
      try {
        return await work();
      } catch (err) {
        if (this.#guest.instance !== this.#instance) throw new GuestEnded();
        this.#signal.throwIfAborted();
        const { move } = this.#record;
        this.#site.logger.warn({ domain: this.#guest.name, disk: move.disk, err }, `${what}; tried again`);
        // The agent's end ends the pause too.
        const pause = delay(RETRY_MS, undefined, { signal: this.#signal }).catch(() => undefined);
        const woken = exited?.then(() => {
          exited = undefined;
        });
        await Promise.race(woken === undefined ? [pause] : [pause, woken]);
      }
    }
  }
}

function asleep(guest: string): VirtError {
  return new VirtError(
    "WRONG_STATE",
    `guest "${guest}" sleeps and may wake up in the middle of the pivot; wake it and try again`,
    { resource: { type: "domain", name: guest } },
  );
}
