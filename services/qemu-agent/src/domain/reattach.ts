import { access } from "node:fs/promises";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { identified } from "@virtmesh/agent/guests/definition";
import { hold, QemuProcess } from "../process/qemu-process.ts";
import { QmpConnection } from "../qmp/connection.ts";
import type { InstanceStatus } from "../state/instance-status.ts";
import type { StatusStore } from "../state/status-store.ts";
import type { Guests } from "./guests.ts";
import { alivePath, type Allotment, Instance, pidfilePath, qmpPath } from "./instance.ts";
import { giveBack, type LaunchSite } from "./launch.ts";
import { reconcileHardware } from "../hotplug/take-up.ts";
import { reconcile } from "./reconcile.ts";
import { endingOf } from "./translate.ts";

export interface ReattachOptions {
  readonly guests: Guests;
  readonly site: LaunchSite;
  readonly statuses: StatusStore;
  readonly logger: MeshLogger;
  readonly signal: AbortSignal;
}

/** How long a QEMU may take to answer its new agent; one that hangs is shown as it was and tried again later. */
const GREETING_TIMEOUT_MS = 5000;

/** Takes up every guest that an earlier agent left running, and tells of those that ended meanwhile. */
export async function reattach(options: ReattachOptions): Promise<void> {
  const { statuses, logger } = options;
  const found = await statuses.load((e) => logger.error({ err: e }, "a status was left aside"));
  await Promise.all(found.map((status) => reattachOne(status, options)));
}

async function reattachOne(status: InstanceStatus, options: ReattachOptions): Promise<void> {
  const { guests, site, statuses, logger } = options;
  const directory = statuses.directory(status.uuid);
  const { id, startTimeMs, etag, logPath, vncPorts, taps, consoles, secondNodes = [] } = status;
  const allotment: Allotment = {
    ...{ directory, id, startTimeMs, etag, logPath, vncPorts, taps, consoles, secondNodes },
  };
  const definition = identified(parseDomain(status.xml));
  if (status.process === undefined) {
    await endUnfinished(directory);
    await giveBack(status.name, site, allotment);
    await statuses.remove(status.uuid);
    return;
  }
  for (const port of Object.values(vncPorts)) site.vncPorts.reserve(port, status.name);
  const { pid, startTicks } = status.process;
  const process = await QemuProcess.attach(pid, startTicks, alivePath(directory));
  if (process === undefined) {
    await ended(status, allotment, options);
    return;
  }
  const instance = new Instance({
    ...{ definition, allotment, process, statuses, situation: status.situation },
    onWriteError: site.onWriteError,
    ...(status.migration ? { migration: status.migration } : {}),
    ...(status.deviations ? { deviations: status.deviations } : {}),
    ...(status.change ? { change: status.change } : {}),
    ...(site.observe ? { observe: site.observe } : {}),
  });
  const guest = guests.takeUp(instance, status.migration?.side === "in" ? "incoming" : "guest");
  try {
    await instance.connect(options.signal, GREETING_TIMEOUT_MS);
    await reconcile(guest, guests.events);
    if (status.migration === undefined) await reconcileHardware(guest, guests.takeUpOf(guest));
    logger.info({ domain: status.name, pid }, "a running guest was taken up");
  } catch (e) {
    if (process.hasExited) return;
    logger.error({ domain: status.name, pid, err: e }, "QEMU of a running guest does not answer");
    guests.catchUpLater(guest, instance);
  }
}

/** Its QEMU is gone: killed, or ended in order, which removes the pidfile. */
async function ended(status: InstanceStatus, allotment: Allotment, options: ReattachOptions): Promise<void> {
  const { guests, site, statuses, logger } = options;
  const orderly = await access(pidfilePath(allotment.directory)).then(
    () => false,
    () => true,
  );
  const { reason, body } = endingOf(status.situation, { destroyed: false, migrated: false, orderly });
  const guest = guests.get(status.uuid);
  if (guest) guest.ended = { state: "shutoff", reason };
  if (status.migration?.side !== "in") {
    logger.warn({ domain: status.name, reason }, "a guest ended while no agent was there");
    guests.events.emit({ uuid: status.uuid, name: status.name, cause: undefined }, body, {
      reconciled: true,
    });
  }
  await giveBack(status.name, site, allotment);
  await statuses.remove(status.uuid);
}

/** An agent ended between the start of QEMU and the note of its pid: nobody was told of that guest, so it ends too. */
async function endUnfinished(directory: string): Promise<void> {
  const held = await hold(alivePath(directory));
  if (held === undefined) return;
  using qmp = await QmpConnection.open({ path: qmpPath(directory), greetingTimeoutMs: GREETING_TIMEOUT_MS });
  // QEMU may close the monitor before it has answered this.
  await Promise.allSettled([qmp.execute("quit")]);
  await held.gone;
}
