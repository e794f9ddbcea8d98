import type { LifecycleType } from "@virtmesh/core/domain/state";
import type { LxcRecord, LxcState } from "../lxc/records.ts";

/** How a run of a container stands, as far as its monitor has told. */
export interface Standing {
  readonly state: "running" | "paused";
  /** In libvirt's words. */
  readonly reason: string;
  /** How its first process ended, when it has; raw, as wait(2) has it. */
  readonly exit?: number;
  /** It is between two lives. */
  readonly rebooting: boolean;
}

export const BOOTED: Standing = { state: "running", reason: "booted", rebooting: false };

export interface Told {
  readonly type: LifecycleType;
  readonly detail: string;
}

export interface StoryStep {
  readonly standing: Standing;
  readonly told: readonly Told[];
  /** The run is over. */
  readonly ended?: true;
}

/** reboot(2) inside a namespace of processes ends its first process with this. */
const SIGHUP = 1;
/** And halting or switching off with this. */
const SIGINT = 2;

/** One record of the monitor. FROZEN and THAWED come twice, and RUNNING after THAWED. */
export function follow(now: Standing, record: LxcRecord): StoryStep {
  if (record.kind === "exit") return { standing: { ...now, exit: record.status }, told: [] };
  switch (record.state) {
    case "FROZEN":
      return settle(now, "paused", "user", { type: "suspended", detail: "paused" });
    case "THAWED":
      return settle(now, "running", "unpaused", { type: "resumed", detail: "unpaused" });
    case "RUNNING":
      if (!now.rebooting) return settle(now, "running", "unpaused", { type: "resumed", detail: "unpaused" });
      return { standing: BOOTED, told: [{ type: "rebooted", detail: "" }] };
    case "STOPPED":
      if (now.exit === SIGHUP && !now.rebooting) return { standing: { ...now, rebooting: true }, told: [] };
      return { standing: now, told: [], ended: true };
    case "STARTING":
    case "STOPPING":
    case "ABORTING":
    case "FREEZING":
      return { standing: now, told: [] };
  }
}

/** What a question has shown, where records may have been missed. */
export function compare(now: Standing, state: LxcState): StoryStep {
  if (state === "FROZEN" || state === "RUNNING")
    return follow({ ...now, rebooting: false }, { kind: "state", container: "", state });
  return { standing: now, told: [] };
}

function settle(now: Standing, state: Standing["state"], reason: string, told: Told): StoryStep {
  if (now.state === state) return { standing: now, told: [] };
  return { standing: { ...now, state, reason }, told: [told] };
}

export type EndReason = "destroyed" | "shutdown" | "crashed" | "unknown";

/** What the end of a run means, by who wanted it and how its first process ended. */
export function endingOf({ exit, rebooting }: Standing, destroyed: boolean): EndReason {
  if (destroyed) return "destroyed";
  // A reboot of which nothing came.
  if (rebooting) return "crashed";
  if (exit === undefined) return "unknown";
  const signal = exit & 0x7f;
  if (signal === SIGINT || exit === 0) return "shutdown";
  return "crashed";
}
