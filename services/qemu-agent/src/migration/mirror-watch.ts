import type { SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { QmpJob } from "../qmp/commands.ts";
import type { QmpEvent } from "../qmp/events.ts";

type Standing = "copying" | "ready" | "completed" | "over";

/**
 * What QEMU's events say about the mirrors of one migration, as facts. READY is never taken for a copy; a mirror
 * counts as copied only when it was told to end, BLOCK_JOB_COMPLETED came without an error, and it concluded
 * (migration I1). Anything else that ends it is a failure: an error, a cancel by others, a job that vanished.
 */
export class MirrorWatch {
  readonly #disks: ReadonlyMap<string, string>;
  readonly #standing = new Map<string, Standing>();
  #concluding = false;

  /** `jobs`: job id to disk. */
  constructor(jobs: ReadonlyMap<string, string>) {
    this.#disks = jobs;
    for (const id of jobs.keys()) this.#standing.set(id, "copying");
  }

  /** From here on a clean end is what is wanted. */
  concluding(): void {
    this.#concluding = true;
  }

  /** QEMU refused to end a job: whatever the reason, it is no proof of a copy. */
  refused(id: string, why: string): readonly SourceHypervisorFact[] {
    return this.#standing.get(id) === "over" ? [] : this.#failed(id, why);
  }

  observe(event: QmpEvent): readonly SourceHypervisorFact[] {
    switch (event.event) {
      case "BLOCK_JOB_READY":
        return this.#ready(event.data.device);
      case "BLOCK_JOB_ERROR":
        // The first one is enough: with on-target-error=report the job cannot end well any more. Why it
        // failed QEMU says only when the job has ended.
        return this.#known(event.data.device)
          ? [{ ...this.#fact(event.data.device, "the destination refused a write"), preliminary: true }]
          : [];
      case "BLOCK_JOB_COMPLETED":
        return this.#completed(event.data.device, event.data.error);
      case "BLOCK_JOB_CANCELLED":
        return this.#known(event.data.device)
          ? this.#failed(event.data.device, "the copy was cancelled")
          : [];
      case "JOB_STATUS_CHANGE":
        if (event.data.status === "concluded") return this.#concluded(event.data.id);
        return event.data.status === "null" ? this.#vanished(event.data.id) : [];
      default:
        return [];
    }
  }

  /** What a query shows, after events may have been missed. */
  reconcile(jobs: readonly QmpJob[]): readonly SourceHypervisorFact[] {
    return [...this.#disks.keys()].flatMap((id) => {
      const job = jobs.find((j) => j.id === id);
      if (job === undefined) return this.#vanished(id);
      if (job.error !== undefined) return this.#failed(id, job.error);
      return job.status === "ready" || job.status === "standby" ? this.#ready(id) : [];
    });
  }

  #known(id: string): boolean {
    const standing = this.#standing.get(id);
    return standing !== undefined && standing !== "over";
  }

  #fact(id: string, message: string): Extract<SourceHypervisorFact, { fact: "mirrorFailed" }> {
    return { fact: "mirrorFailed", disk: this.#disks.get(id) ?? id, message };
  }

  #failed(id: string, message: string): readonly SourceHypervisorFact[] {
    this.#standing.set(id, "over");
    return [this.#fact(id, message)];
  }

  #ready(id: string): readonly SourceHypervisorFact[] {
    if (this.#standing.get(id) !== "copying") return [];
    this.#standing.set(id, "ready");
    return [{ fact: "mirrorReady", disk: this.#disks.get(id) ?? id }];
  }

  #completed(id: string, error: string | undefined): readonly SourceHypervisorFact[] {
    if (!this.#known(id)) return [];
    if (error !== undefined) return this.#failed(id, error);
    if (!this.#concluding) return this.#failed(id, "the copy ended before it was told to");
    this.#standing.set(id, "completed");
    return [];
  }

  #concluded(id: string): readonly SourceHypervisorFact[] {
    if (!this.#known(id)) return [];
    if (!this.#concluding) return this.#failed(id, "the copy ended before it was told to");
    if (this.#standing.get(id) !== "completed") return this.#failed(id, "the copy ended without saying how");
    this.#standing.set(id, "over");
    return [{ fact: "mirrorConcluded", disk: this.#disks.get(id) ?? id }];
  }

  #vanished(id: string): readonly SourceHypervisorFact[] {
    return this.#known(id) ? this.#failed(id, "the copy is not there any more") : [];
  }
}
