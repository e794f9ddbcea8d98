import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { MigrationStatus, RunState, YankInstance } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import { QmpError } from "../qmp/errors.ts";
import type { QmpEvent } from "../qmp/events.ts";
import { awaitEvent } from "./await-event.ts";
import { DEFAULT_PARAMETERS } from "./parameters.ts";

/** Everything an outgoing migration may have made on the source. */
export interface Undoing {
  readonly qmp: QmpConnection;
  /** Mirror jobs, and the NBD node that each writes to. */
  readonly jobs: ReadonlyMap<string, string>;
  /** Whether the CPUs ran when the migration began. */
  readonly wasRunning: boolean;
  readonly tlsObject: string | undefined;
}

/** A healthy job or stream ends within milliseconds; past this its connection is broken by force. */
const PATIENCE_MS = 300;
const LAST_PATIENCE_MS = 5_000;
/** QEMU's main loop answers in microseconds, and on a host without time to spare in less than this. */
const ANSWER_MS = 1_000;

const ENDED: ReadonlySet<MigrationStatus> = new Set(["none", "completed", "failed", "cancelled"]);

export const rollBack = { answers, breakLinks, goHome, isTooLate, tidy };

/** A main loop that stands still waits for a mirror, and that for the network. */
async function answers({ qmp }: Pick<Undoing, "qmp">): Promise<boolean> {
  try {
    await qmp.execute("query-status", undefined, { timeoutMs: ANSWER_MS });
    return true;
  } catch (e) {
    if (e instanceof QmpError && e.failure === "timeout") return false;
    throw e;
  }
}

/** QEMU does not take a guest back from post-copy, though its memory is still here: `migrate_cancel` wedges when its link is broken. */
async function isTooLate({ qmp }: Undoing): Promise<boolean> {
  const { status } = await qmp.execute("query-migrate");
  return status === "postcopy-active" || status === "postcopy-paused" || status === "postcopy-recover";
}

/**
 * Ends the memory stream and lets the guest run on as before. `linkLost` breaks the connections first, since QEMU would
 * otherwise wait for the network for as long as TCP does.
 * @returns whether the stream has ended @throws as long as it is not known that the guest runs
 */
async function goHome(job: Undoing, linkLost: boolean): Promise<boolean> {
  if (linkLost) await breakLinks(job);
  const isEnded = await endMemory(job);
  await goOn(job);
  return isEnded;
}

/**
 * Removes what was made: mirrors, NBD nodes, settings. The guest runs whether that works or not.
 * @returns what is left, in words @throws when QEMU cannot be asked: it may have ended
 */
async function tidy(job: Undoing, isEnded: boolean): Promise<readonly string[]> {
  try {
    await removeAll(job, isEnded);
    return [];
  } catch (e) {
    if (isCutOff(e)) throw e;
  }
  try {
    // Whoever is still there waits for the network.
    await breakLinks(job);
    await removeAll(job, await endMemory(job));
    return [];
  } catch (e) {
    if (isCutOff(e)) throw e;
    return [messageOf(e)];
  }
}

function isCutOff(e: unknown): boolean {
  return e instanceof QmpError && (e.failure === "closed" || e.failure === "protocol");
}

async function removeAll(job: Undoing, isEnded: boolean): Promise<void> {
  await endMirrors(job);
  await removeNodes(job);
  if (!isEnded)
    throw new VirtError(
      "HYPERVISOR_FAILED",
      "QEMU's thread that sends memory does not end, though it was told to and its connection is broken: the guest runs on, and can be migrated again when it has",
    );
  await resetSettings(job);
}

/**
 * `yank` (qapi/yank.json): shuts the sockets down, so that whoever waits for them gets an error at once. Out of band,
 * question and command: the main loop may be among those who wait.
 */
async function breakLinks({ qmp, jobs }: Pick<Undoing, "qmp" | "jobs">): Promise<void> {
  const nodes = new Set(jobs.values());
  const present = await qmp.execute("query-yank", undefined, { outOfBand: true });
  const instances = present.filter(
    (i: YankInstance) => i.type === "migration" || (i.type === "block-node" && nodes.has(i["node-name"])),
  );
  // One by one: with several QEMU breaks none when one of them has ended since it was asked.
  await Promise.all(
    instances.map(async (instance) => {
      try {
        await qmp.execute("yank", { instances: [instance] }, { outOfBand: true });
      } catch (e) {
        if (!(e instanceof QmpError) || e.errorClass !== "DeviceNotFound") throw e;
      }
    }),
  );
}

/** @returns whether it has ended: QEMU's thread may sleep until the host's clock shows some time of day (util/qemu-thread-posix.c) */
async function endMemory(job: Undoing): Promise<boolean> {
  const { qmp } = job;
  const isEnd = (e: QmpEvent): boolean => e.event === "MIGRATION" && ENDED.has(e.data.status);
  const { status = "none" } = await qmp.execute("query-migrate");
  if (ENDED.has(status)) return true;
  const gentle = awaitEvent(qmp, isEnd, PATIENCE_MS);
  await qmp.execute("migrate_cancel");
  if ((await gentle) !== undefined) return true;
  const forced = awaitEvent(qmp, isEnd, LAST_PATIENCE_MS);
  await breakLinks(job);
  if (ENDED.has((await qmp.execute("query-migrate")).status ?? "none")) return true;
  return (await forced) !== undefined;
}

/** In these QEMU refuses to let a guest go on: it has ended by itself, and waits for a reset. */
const OVER: ReadonlySet<RunState> = new Set(["shutdown", "internal-error", "guest-panicked"]);

/** A cancelled switch-over resumes by itself; one that had sent everything (`postmigrate`) does not. */
async function goOn({ qmp, wasRunning }: Undoing): Promise<void> {
  if (!wasRunning) return;
  const { running, status } = await qmp.execute("query-status");
  if (!running && !OVER.has(status)) await qmp.execute("cont");
}

async function endMirrors(job: Undoing): Promise<void> {
  const { qmp, jobs } = job;
  const ours = async () => (await qmp.execute("query-jobs")).filter((j) => jobs.has(j.id));
  // A mirror whose write failed sleeps on until its rate limit lets it go. Without a limit it ends now and says what
  // was wrong; cancelled in its sleep it would only say that it was cancelled.
  for (const { id, status } of await ours())
    if (status === "running" || status === "ready")
      // It may end between the question and this.
      await qmp.execute("block-job-set-speed", { device: id, speed: 0 }).catch(() => undefined);
  const present = await ours();
  await Promise.all(
    present.map(async ({ id, status }) => {
      if (status !== "concluded") {
        const isEnd = (e: QmpEvent): boolean =>
          e.event === "JOB_STATUS_CHANGE" && e.data.id === id && e.data.status === "concluded";
        const gentle = awaitEvent(qmp, isEnd, PATIENCE_MS);
        // A job that concludes in this very moment refuses; its event is what counts.
        await qmp.execute("block-job-cancel", { device: id, force: true }).catch(() => undefined);
        if ((await gentle) === undefined) {
          const forced = awaitEvent(qmp, isEnd, LAST_PATIENCE_MS);
          await breakLinks(job);
          await forced;
        }
      }
      await qmp.execute("job-dismiss", { id });
    }),
  );
}

async function removeNodes({ qmp, jobs }: Undoing): Promise<void> {
  const nodes = new Set(jobs.values());
  const present = await qmp.execute("query-named-block-nodes", { flat: true });
  const ours = present.flatMap((n) =>
    n["node-name"] !== undefined && nodes.has(n["node-name"]) ? [n["node-name"]] : [],
  );
  await Promise.all(ours.map((node) => qmp.execute("blockdev-del", { "node-name": node })));
}

async function resetSettings({ qmp, tlsObject }: Undoing): Promise<void> {
  // All at once: some need others, and which there are differs between versions.
  const set = (await qmp.execute("query-migrate-capabilities")).filter(({ state }) => state);
  await qmp.execute("migrate-set-capabilities", {
    capabilities: set.map(({ capability }) => ({ capability, state: false })),
  });
  await qmp.execute("migrate-set-parameters", DEFAULT_PARAMETERS);
  if (tlsObject !== undefined) await qmp.execute("object-del", { id: tlsObject });
}
