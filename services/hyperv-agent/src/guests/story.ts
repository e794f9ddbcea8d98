import type { DomainState, LifecycleType } from "@virtmesh/core/domain/state";
import type { Facts } from "./facts.ts";
import type { Power } from "./power.ts";

/** What is known of a guest for this: the rest of its facts tells nothing of its life. */
export type Life = Pick<Facts, "power" | "stateTimeMs" | "onTimeMs" | "etag">;

/** What one of our own calls is about to bring about, so that its event can say why. */
export type Intent = "destroy" | "forget" | "migrate" | undefined;

export interface Happening {
  readonly type: LifecycleType;
  readonly detail: string;
}

/** What must have happened to a guest between two looks at it, in libvirt's words and in order. */
export function happenings(
  before: Life | undefined,
  after: Life | undefined,
  intent: Intent,
): readonly Happening[] {
  if (before === undefined)
    return after === undefined ? [] : [happening("defined", "added"), ...moved("off", after.power, intent)];
  if (after === undefined) return [...moved(before.power, "off", intent), happening("undefined", "removed")];
  // An event that was on its way while it was read shows less time, and no newer state.
  const rebooted =
    before.power === "running" &&
    after.power === "running" &&
    after.onTimeMs < before.onTimeMs &&
    after.stateTimeMs > before.stateTimeMs;
  return [
    ...(before.etag === after.etag ? [] : [happening("defined", "updated")]),
    ...moved(before.power, after.power, intent),
    ...(rebooted ? [happening("rebooted", "")] : []),
  ];
}

function moved(from: Power, to: Power, intent: Intent): readonly Happening[] {
  if (from === to) return [];
  const isThere = from === "running" || from === "paused";
  const came = isThere ? [] : [happening("started", howStarted(from, intent))];
  switch (to) {
    case "running":
      return from === "paused" ? [happening("resumed", "unpaused")] : came;
    case "paused":
      return [...came, happening("suspended", "paused")];
    case "saved":
      return isThere ? [happening("stopped", "saved")] : [];
    case "off":
      return isThere ? [happening("stopped", howStopped(intent))] : [];
  }
}

function howStarted(from: Power, intent: Intent): string {
  if (intent === "migrate") return "migrated";
  return from === "saved" ? "restored" : "booted";
}

function howStopped(intent: Intent): string {
  switch (intent) {
    case "destroy":
      return "destroyed";
    case "migrate":
      return "migrated";
    case "forget":
    case undefined:
      return "shutdown";
  }
}

function happening(type: LifecycleType, detail: string): Happening {
  return { type, detail };
}

export interface Standing {
  readonly state: DomainState;
  /** In libvirt's words. */
  readonly reason: string;
}

/** What a guest is in after that; `unknown` for what was so before we came. */
export function standingOf(power: Power, last: Happening | undefined): Standing {
  switch (power) {
    case "running":
      return { state: "running", reason: last === undefined ? "unknown" : runningReason(last) };
    case "paused":
      return { state: "paused", reason: last === undefined ? "unknown" : "user" };
    case "saved":
      return { state: "shutoff", reason: "saved" };
    case "off":
      return { state: "shutoff", reason: last?.type === "stopped" ? last.detail : "unknown" };
  }
}

function runningReason({ type, detail }: Happening): string {
  return type === "started" ? detail : (RUNNING[type] ?? "unknown");
}

const RUNNING: Readonly<Partial<Record<LifecycleType, string>>> = { resumed: "unpaused", rebooted: "booted" };
