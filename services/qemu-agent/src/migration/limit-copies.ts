import type { JobStatus } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";

type Qmp = Pick<QmpConnection, "execute">;

/**
 * Limits those of the copies that still copy. A job may end between the question and the limit, and QEMU refuses
 * to limit one that has: then the limit means nothing.
 */
export async function limitCopies(
  qmp: Qmp,
  ids: readonly string[],
  bytesPerSecond: bigint,
  signal: AbortSignal,
): Promise<void> {
  const copying = await copyingNow(qmp, signal);
  await Promise.all(
    ids
      .filter((id) => copying.has(id))
      .map(async (id) => {
        try {
          const limit = { device: id, speed: Number(bytesPerSecond) };
          await qmp.execute("block-job-set-speed", limit, { signal });
        } catch (e) {
          if ((await copyingNow(qmp, signal)).has(id)) throw e;
        }
      }),
  );
}

async function copyingNow(qmp: Qmp, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const jobs = await qmp.execute("query-jobs", undefined, { signal });
  return new Set(jobs.filter((job) => takesLimits(job.status)).map((job) => job.id));
}

/** QEMU's table of verbs by state of a job (job.c, JobVerbTable). */
function takesLimits(status: JobStatus): boolean {
  switch (status) {
    case "created":
    case "running":
    case "paused":
    case "ready":
    case "standby":
      return true;
    case "undefined":
    case "waiting":
    case "pending":
    case "aborting":
    case "concluded":
    case "null":
      return false;
  }
}
