import { VirtError } from "@virtmesh/core/errors";
import { awaitEvent } from "../migration/await-event.ts";
import type { QmpConnection } from "../qmp/connection.ts";
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
