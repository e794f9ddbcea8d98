import type { RunState } from "../qmp/commands.ts";
import type { EventFeed } from "@virtmesh/agent/guests/event-feed";
import type { Guest } from "./guest.ts";
import type { Situation } from "./translate.ts";

/** A QEMU that does not answer these at once hangs; the guest is shown as it was. */
const QUERY_TIMEOUT_MS = 5000;

/** What query-status says as state and reason; the reason of before stays where QEMU does not tell one. */
const STATES: { readonly [S in RunState]: Pick<Situation, "state"> & Partial<Pick<Situation, "reason">> } = {
  running: { state: "running" },
  paused: { state: "paused" },
  prelaunch: { state: "paused" },
  inmigrate: { state: "paused", reason: "migration" },
  postmigrate: { state: "paused", reason: "migration" },
  "finish-migrate": { state: "paused", reason: "migration" },
  "restore-vm": { state: "paused" },
  "save-vm": { state: "paused" },
  debug: { state: "paused" },
  colo: { state: "paused" },
  "io-error": { state: "paused", reason: "io-error" },
  "internal-error": { state: "paused", reason: "crashed" },
  "guest-panicked": { state: "paused", reason: "crashed" },
  watchdog: { state: "paused", reason: "watchdog" },
  shutdown: { state: "shutdown", reason: "user" },
  suspended: { state: "pmsuspended", reason: "memory" },
};

/** The situation after a gap in the events, when QEMU says that it is in that state now. */
export function reconciled(before: Situation, status: RunState): Situation {
  const now = STATES[status];
  if (before.state === now.state && (now.reason === undefined || now.reason === before.reason)) return before;
  const { stopCause: _, ...rest } = before;
  return { ...rest, begun: true, state: now.state, reason: now.reason ?? reasonOf(before, now.state) };
}

/** Where QEMU does not tell why. */
function reasonOf(before: Situation, state: Situation["state"]): string {
  if (state === before.state) return before.reason;
  if (state === "running") return "unpaused";
  return before.migrating === undefined ? "user" : "migration";
}

/** Asks once what is, and tells of what changed while nobody listened. @throws HYPERVISOR_UNRESPONSIVE */
export async function reconcile(guest: Guest, events: EventFeed): Promise<void> {
  const { running: instance } = guest;
  const options = { timeoutMs: QUERY_TIMEOUT_MS };
  const [{ status }, jobs] = await Promise.all([
    guest.execute("query-status", undefined, options),
    guest.execute("query-block-jobs", undefined, options),
  ]);
  instance.jobs.reconcile(jobs, () => instance.migration?.id);
  const before = instance.situation;
  const after = reconciled(before, status);
  if (after === before) return;
  instance.update(after);
  if (before.state === after.state || !instance.isAnnounced) return;
  if (after.state === "running") events.lifecycle(guest, "resumed", "unpaused", { reconciled: true });
  if (after.state === "paused") {
    const detail = { migration: "migrated", user: "paused" }[after.reason] ?? after.reason;
    events.lifecycle(guest, "suspended", detail, { reconciled: true });
  }
  if (after.state === "pmsuspended") events.lifecycle(guest, "pmsuspended", "memory", { reconciled: true });
}
