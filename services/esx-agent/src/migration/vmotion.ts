import type { Call } from "@virtmesh/core/call";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { asVirtError } from "../faults.ts";
import { type Seat, seatsOf } from "../inventory/seats.ts";
import type { EsxServer } from "../server.ts";
import type { Reference } from "../vim/encode.ts";
import { at, childOf, textAt } from "../vim/node.ts";
import { referenceOf } from "../vim/session.ts";
import { followTask, runTask } from "../vim/tasks.ts";

/** What a move tells while it is under way. */
export interface MoveWatcher {
  begun(task: Reference): void;
  /** 0 to 100. */
  progress(percent: number): void;
}

/** The guest of a UUID wherever in the vCenter it is; undefined when there is none. */
export async function findAnywhere(server: EsxServer, uuid: string, c: Call): Promise<Reference | undefined> {
  const { session } = server;
  try {
    const index = session.manager("searchIndex");
    const answer = await session.call("FindByUuid", index, { uuid, vmSearch: true }, { signal: c.signal });
    const found = childOf(answer, "returnval");
    return found === undefined ? undefined : referenceOf(found);
  } catch (e) {
    throw asVirtError(e, `guest ${uuid} cannot be looked for`);
  }
}

/** @throws HOST_SETUP for a host that is not one of this vCenter */
export async function seatAt(server: EsxServer, hostUuid: string, c: Call): Promise<Seat> {
  const seat = (await seatsOf(server.session, c.signal)).get(hostUuid);
  if (seat !== undefined) return seat;
  throw new VirtError(
    "HOST_SETUP",
    `${server.session.address} has no host with the UUID ${hostUuid}, or the user may not see it`,
  );
}

export async function hostOf(server: EsxServer, guest: Reference, c: Call): Promise<string> {
  return (await server.read(guest, ["runtime.host"], c)).get("runtime.host")?.text ?? "";
}

/**
 * Brings a guest to a host, however far an earlier move of it has come: one that is still under way is waited for. The
 * server moves it as a whole or not at all. `copy`: its disks go to the host's own datastore.
 */
export async function bringTo(
  server: EsxServer,
  guest: { readonly object: Reference; readonly name: string },
  seat: Seat,
  options: { readonly copy: boolean; readonly watcher?: MoveWatcher },
  c: Call,
): Promise<void> {
  const { object, name } = guest;
  for (;;) {
    const earlier = await moveUnderWay(server, object, c);
    if (earlier !== undefined) {
      // How it ended is seen by where the guest is.
      await followTask(server.session, earlier, { signal: c.signal }).catch(() => c.signal.throwIfAborted());
      continue;
    }
    if ((await hostOf(server, object, c)) === seat.host.value) return;
    const datastore = options.copy ? { datastore: seat.datastore } : {};
    const args = {
      spec: { ...datastore, pool: seat.pool, host: seat.host },
      priority: "defaultPriority",
    };
    try {
      await runTask(server.session, "RelocateVM_Task", object, args, {
        signal: c.signal,
        onTask: (task) => options.watcher?.begun(task),
        onProgress: (percent) => options.watcher?.progress(percent),
      });
      return;
    } catch (e) {
      throw asVirtError(e, `guest "${name}" cannot be moved`, name);
    }
  }
}

/** Asks a move to stop. Whether it does is seen by how it ends. */
export async function stopMove(server: EsxServer, task: Reference, c: Call): Promise<void> {
  try {
    await server.session.call("CancelTask", task, {}, { signal: c.signal });
  } catch (e) {
    c.signal.throwIfAborted();
    server.logger.info({ task: task.value, why: messageOf(e) }, "a move of a guest could not be stopped");
  }
}

async function moveUnderWay(server: EsxServer, guest: Reference, c: Call): Promise<Reference | undefined> {
  const recent = (await server.read(guest, ["recentTask"], c)).get("recentTask");
  for (const task of recent?.children.map(referenceOf) ?? []) {
    const info = (await server.read(task, ["info"], c)).get("info");
    const state = textAt(info, "state");
    const isMove = /(relocate|migrate)/i.test(at(info, "descriptionId")?.text ?? "");
    if (isMove && (state === "running" || state === "queued")) return task;
  }
  return undefined;
}
