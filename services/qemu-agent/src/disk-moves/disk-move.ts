import type { DiskMoved, DiskMoveRun } from "@virtmesh/core/driver/disk-moves";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import { awaitEvent } from "../migration/await-event.ts";
import { createImage, removeImages } from "../migration/images.ts";
import { MirrorWatch } from "../migration/mirror-watch.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import { withMovedDisk } from "./moved-disk.ts";
import { rootNode } from "./nodes.ts";
import type { DiskMoveRecord, DiskMoveRecords } from "./records.ts";

/** How often the copy is looked at for the progress that people see. */
const SAMPLE_MS = 250;
/** A job that was told to stop waits for one write at most. */
const END_MS = 10_000;

type Fact =
  | Extract<SourceHypervisorFact, { fact: "mirrorReady" | "mirrorFailed" | "mirrorConcluded" }>
  | { readonly fact: "exited" };

export interface DiskMoveSite {
  readonly guests: Guests;
  readonly records: DiskMoveRecords;
}

/**
 * One disk on its way to other storage: a mirror, and when it is ready a pivot. The CPUs stand still from before the pivot
 * until the definitions name the new image: so whenever QEMU dies, the image that the definition names has every write.
 * Ready is no proof here either: what counts is that the job, told to pivot, has concluded without error.
 */
export class MovingDisk {
  readonly #site: DiskMoveSite;
  readonly #guest: Guest;
  readonly #run: DiskMoveRun;
  readonly #signal: AbortSignal;
  readonly #job: string;
  readonly #watch: MirrorWatch;
  readonly #facts: Fact[] = [];
  #record: DiskMoveRecord;
  #wake: () => void = () => undefined;

  /** `signal`: the agent's end, which ends the watching and nothing else. */
  constructor(
    site: DiskMoveSite,
    guest: Guest,
    record: DiskMoveRecord,
    run: DiskMoveRun,
    signal: AbortSignal,
  ) {
    this.#site = site;
    this.#guest = guest;
    this.#record = record;
    this.#run = run;
    this.#signal = signal;
    this.#job = `move-${record.move.id.slice(0, 8)}-${record.move.disk}`;
    this.#watch = new MirrorWatch(new Map([[this.#job, record.move.disk]]));
  }

  /** From the beginning; `capacityBytes` is what the new image must hold. */
  async begin(capacityBytes: bigint): Promise<DiskMoved> {
    const { move, format, oldNodes, newNodes } = this.#record;
    await this.#site.records.write(this.#record);
    using _hearing = this.#listen();
    const { qmp } = this.#guest;
    let isOurs = true;
    try {
      const image = {
        ...{ target: move.disk, destinationPath: move.path, destinationFormat: format, capacityBytes },
      };
      const taken: string[] = [];
      await createImage(image, taken, this.#signal).catch((e: unknown) => {
        isOurs = taken.length === 0;
        throw e;
      });
      const direct = await this.#isDirect();
      const cache = { direct, "no-flush": false };
      await qmp.execute("blockdev-add", {
        ...{ driver: "file", "node-name": newNodes.storage, filename: move.path, cache, discard: "unmap" },
      });
      await qmp.execute("blockdev-add", {
        ...{ driver: format, "node-name": newNodes.format, file: newNodes.storage, cache, discard: "unmap" },
      });
      this.#guest.jobs.expect({ id: this.#job, disk: move.disk, type: "mirror" });
      await qmp.execute("blockdev-mirror", {
        "job-id": this.#job,
        device: oldNodes.format,
        target: newNodes.format,
        sync: "full",
        // Not write-blocking: told to stop, QEMU 7.2 may hang for ever with a write of the guest under way.
        "copy-mode": "background",
        "on-source-error": "report",
        "on-target-error": "report",
        "auto-dismiss": false,
        ...(move.bytesPerSecond === 0n ? {} : { speed: Number(move.bytesPerSecond) }),
      });
    } catch (e) {
      this.#signal.throwIfAborted();
      throw await this.#undo(messageOf(e), isOurs, e);
    }
    return await this.#follow();
  }

  /** Where an earlier agent left it. */
  async resume(): Promise<DiskMoved> {
    if (this.#guest.instance === undefined) return this.#settleDead();
    using _hearing = this.#listen();
    const { qmp } = this.#guest;
    if (this.#record.phase === "pivoting") this.#watch.concluding();
    const job = (await qmp.execute("query-jobs")).find(({ id }) => id === this.#job);
    const { move, newNodes } = this.#record;
    if ((await rootNode(qmp, move.disk)) === newNodes.format) return await this.#finish();
    if (job === undefined) throw await this.#undo("the agent was restarted before the copy had begun");
    if (job.status === "concluded") throw await this.#undo(job.error ?? "the copy had ended");
    this.#guest.jobs.expect({ id: this.#job, disk: move.disk, type: "mirror" });
    for (const fact of this.#watch.reconcile([job])) this.#tell(fact);
    return await this.#follow();
  }

  async #follow(): Promise<DiskMoved> {
    const sampling = setInterval(() => void this.#sample(), SAMPLE_MS);
    const cancel = (): void => this.#cancel();
    this.#run.cancel.addEventListener("abort", cancel, { once: true });
    if (this.#run.cancel.aborted) cancel();
    try {
      for (;;) {
        const fact = await this.#next();
        switch (fact.fact) {
          case "mirrorReady":
            await this.#pivot();
            break;
          case "mirrorConcluded":
            return await this.#finish();
          case "mirrorFailed":
            // Why it failed is told when the job has ended.
            if (fact.preliminary === true) break;
            throw await this.#undo(fact.message);
          case "exited":
            return await this.#settleDead();
        }
      }
    } finally {
      clearInterval(sampling);
      this.#run.cancel.removeEventListener("abort", cancel);
    }
  }

  async #pivot(): Promise<void> {
    if (this.#run.cancel.aborted) return;
    const { qmp } = this.#guest;
    const { running } = await qmp.execute("query-status");
    this.#record = { ...this.#record, phase: "pivoting", resume: running };
    await this.#site.records.write(this.#record);
    if (running) await qmp.execute("stop");
    this.#watch.concluding();
    try {
      await qmp.execute("block-job-complete", { device: this.#job });
    } catch (e) {
      for (const fact of this.#watch.refused(this.#job, messageOf(e))) this.#tell(fact);
    }
  }

  /** Past the pivot's beginning it goes to its end. */
  #cancel(): void {
    if (this.#record.phase === "pivoting") return;
    this.#guest.qmp
      .execute("block-job-cancel", { device: this.#job, force: true })
      // It ends in this moment by itself; its event is what counts.
      .catch(() => undefined);
  }

  /** The device uses the new image: says so in the definitions, and only then lets the guest write to it. */
  async #finish(): Promise<DiskMoved> {
    const { move, from, oldNodes, format } = this.#record;
    await this.#site.guests.changeDefinitions(this.#guest, (definition) =>
      withMovedDisk(definition, { disk: move.disk, from, to: move.path, format }),
    );
    await this.#goOn();
    await forget(this.#guest.qmp, this.#job, [oldNodes.format, oldNodes.storage]);
    this.#guest.jobs.forget(this.#job);
    return this.#conclude();
  }

  async #goOn(): Promise<void> {
    const { qmp } = this.#guest;
    if (this.#record.resume && !(await qmp.execute("query-status")).running) await qmp.execute("cont");
  }

  async #conclude(): Promise<DiskMoved> {
    const { move, from, format } = this.#record;
    const left = move.removeSource ? await removeImages([from]) : [];
    await this.#site.records.remove(move.id);
    return { format, previousPath: from, previousRemoved: move.removeSource && left.length === 0 };
  }

  /** Everything as it was. @returns the error that says why */
  async #undo(why: string, isOurs = true, cause?: unknown): Promise<VirtError> {
    const { move, from, newNodes } = this.#record;
    const left: string[] = [];
    if (this.#guest.instance !== undefined) {
      await stop(this.#guest.qmp, this.#job);
      await this.#goOn();
      await forget(this.#guest.qmp, this.#job, [newNodes.format, newNodes.storage]);
      this.#guest.jobs.forget(this.#job);
    }
    if (isOurs) left.push(...(await removeImages([move.path])));
    if (left.length === 0) await this.#site.records.remove(move.id);
    const rest = left.length === 0 ? "" : `; left behind: ${left.join("; ")}`;
    const cancelled = this.#run.cancel.aborted;
    const reason = cancelled
      ? "OPERATION_ABORTED"
      : /no space left/i.test(why)
        ? "NO_SPACE"
        : "HYPERVISOR_FAILED";
    return new VirtError(
      VirtError.is(cause) ? cause.reason : reason,
      `disk ${move.disk} of guest "${this.#guest.name}" was not moved to ${move.path}: ${cancelled ? "it was cancelled" : why}; it is at ${from}, as before${rest}`,
      { resource: { type: "disk", name: move.disk } },
      cause === undefined ? {} : { cause },
    );
  }

  /** Its QEMU is gone: the image that the definition names is the true one. */
  async #settleDead(): Promise<DiskMoved> {
    const { move } = this.#record;
    const disk = this.#guest.definition.devices.disks.find((d) => d.target.dev === move.disk);
    if (disk !== undefined && sourcePath(disk) === move.path) return this.#conclude();
    throw await this.#undo("the guest ended before it used the new image");
  }

  /** The new image is cached as the old one is. */
  async #isDirect(): Promise<boolean> {
    const nodes = await this.#guest.qmp.execute("query-named-block-nodes", { flat: true });
    return nodes.find((n) => n["node-name"] === this.#record.oldNodes.format)?.cache?.direct ?? false;
  }

  async #sample(): Promise<void> {
    const jobs = await this.#guest.qmp
      .execute("query-block-jobs", undefined, { timeoutMs: SAMPLE_MS })
      // Only a look, for people.
      .catch(() => []);
    const job = jobs.find(({ device }) => device === this.#job);
    if (job !== undefined)
      this.#run.progress({
        totalBytes: BigInt(job.len),
        copiedBytes: BigInt(job.offset),
        ready: job.ready,
      });
  }

  #listen(): Disposable {
    const hearing = new DisposableStack();
    hearing.use(
      this.#guest.onQmpEvent((event) => {
        for (const fact of this.#watch.observe(event)) this.#tell(fact);
      }),
    );
    void this.#guest.exited.then(() => this.#tell({ fact: "exited" }));
    return hearing;
  }

  #tell(fact: Fact | SourceHypervisorFact): void {
    this.#facts.push(fact as Fact);
    this.#wake();
  }

  /** @throws when the agent ends */
  async #next(): Promise<Fact> {
    for (;;) {
      this.#signal.throwIfAborted();
      const fact = this.#facts.shift();
      if (fact !== undefined) return fact;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }
}

async function stop(qmp: QmpConnection, id: string): Promise<void> {
  const job = (await qmp.execute("query-jobs")).find((j) => j.id === id);
  if (job === undefined || job.status === "concluded") return;
  const ended = awaitEvent(
    qmp,
    (e) => e.event === "JOB_STATUS_CHANGE" && e.data.id === id && e.data.status === "concluded",
    END_MS,
  );
  // It may conclude in this very moment; its event is what counts.
  await qmp.execute("block-job-cancel", { device: id, force: true }).catch(() => undefined);
  await ended;
}

/** What is there of a job that has ended and of nodes, in an order in which they can go. */
async function forget(qmp: QmpConnection, id: string, nodes: readonly string[]): Promise<void> {
  if ((await qmp.execute("query-jobs")).some((j) => j.id === id)) await qmp.execute("job-dismiss", { id });
  const present = await qmp.execute("query-named-block-nodes", { flat: true });
  for (const node of nodes)
    if (present.some((n) => n["node-name"] === node))
      await qmp.execute("blockdev-del", { "node-name": node });
}
