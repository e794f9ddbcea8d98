import { VirtError } from "@virtmesh/core/errors";
import { awaitEvent } from "../migration/await-event.ts";
import type { JobStatus } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import type { QmpEvent } from "../qmp/events.ts";
import type { Nodes } from "./records.ts";

/** A job that was told to stop waits for the requests that are under way. */
const END_MS = 10_000;

export async function startMirror(
  qmp: QmpConnection,
  job: { readonly id: string; readonly from: string; readonly to: string; readonly bytesPerSecond: bigint },
): Promise<void> {
  await qmp.execute("blockdev-mirror", {
    "job-id": job.id,
    device: job.from,
    target: job.to,
    sync: "full",
    // Not write-blocking: told to stop, QEMU 7.2 may hang for ever with a write of the guest under way.
    "copy-mode": "background",
    "on-source-error": "report",
    "on-target-error": "report",
    // The verdict of a job must outlive it, for an agent that is started anew.
    "auto-dismiss": false,
    ...(job.bytesPerSecond === 0n ? {} : { speed: Number(job.bytesPerSecond) }),
  });
}

/**
 * Lets a copy that is ready rest: nothing of it is under way then. QEMU's main loop waits for all that is as it stops the
 * CPUs (vm_stop), and hears nothing meanwhile. @returns what became of it, or undefined when it did not come to rest in time
 */
export async function restJob(
  qmp: QmpConnection,
  id: string,
  withinMs: number,
): Promise<"rests" | "ended" | undefined> {
  const isNew = (status: JobStatus | undefined): boolean => status !== undefined && status !== "ready";
  const changed = awaitEvent(qmp, (e) => isNew(statusIn(e, id)), withinMs);
  // Refused by one that rests since an earlier agent, and by one that has ended: what it is then counts.
  await qmp.execute("block-job-pause", { device: id }).catch(() => undefined);
  const now = (await qmp.execute("query-jobs")).find((j) => j.id === id)?.status;
  const status = now === "ready" ? statusIn(await changed, id) : now;
  if (now === "ready" && status === undefined) return undefined;
  return status === "standby" ? "rests" : "ended";
}

/** Lets it go on; resolves when it does. */
export async function wakeJob(qmp: QmpConnection, id: string): Promise<void> {
  const goesOn = awaitEvent(qmp, (e) => statusIn(e, id) !== undefined, END_MS);
  await qmp.execute("block-job-resume", { device: id });
  await goesOn;
}

/** What a job has become by that event; undefined when it is about something else. */
function statusIn(event: QmpEvent | undefined, id: string): JobStatus | undefined {
  return event?.event === "JOB_STATUS_CHANGE" && event.data.id === id ? event.data.status : undefined;
}

/** A job that was told so does not pivot any more, though it may take its time to end. */
export async function cancelJob(qmp: QmpConnection, id: string): Promise<void> {
  // Refused by one that has ended by itself: what came of it is to be asked then.
  await qmp.execute("block-job-cancel", { device: id, force: true }).catch(() => undefined);
}

/** Resolves when it has ended, or is not there. @throws HYPERVISOR_UNRESPONSIVE */
export async function awaitEnd(qmp: QmpConnection, id: string): Promise<void> {
  const isEnd = (status: string): boolean => status === "concluded" || status === "null";
  const ended = awaitEvent(
    qmp,
    (e) => e.event === "JOB_STATUS_CHANGE" && e.data.id === id && isEnd(e.data.status),
    END_MS,
  );
  const job = (await qmp.execute("query-jobs")).find((j) => j.id === id);
  if (job === undefined || isEnd(job.status)) return;
  if ((await ended) === undefined)
    throw new VirtError(
      "HYPERVISOR_UNRESPONSIVE",
      `block job ${id} does not end, since its storage does not answer`,
    );
}

/** Takes away what is there of a job that has ended and of nodes. */
export async function forgetJob(qmp: QmpConnection, id: string, nodes: Nodes): Promise<void> {
  if ((await qmp.execute("query-jobs")).some((j) => j.id === id)) await qmp.execute("job-dismiss", { id });
  const present = await qmp.execute("query-named-block-nodes", { flat: true });
  for (const node of [nodes.format, nodes.storage])
    if (present.some((n) => n["node-name"] === node))
      await qmp.execute("blockdev-del", { "node-name": node });
}
