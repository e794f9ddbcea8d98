import type { DomainState, LifecycleType } from "@virtmesh/core/domain/state";
import type { Facts, Power } from "./facts.ts";

/** What is known of a guest for this: the rest of its facts tells nothing of its life. */
export type Life = Pick<Facts, "power" | "bootTimeMs" | "etag">;

/** What one of our own calls is about to bring about, so that its event can say why. */
export type Intent = "destroy" | "shutdown" | undefined;

export interface Happening {
  readonly type: LifecycleType;
  readonly detail: string;
}

/**
 * What must have happened to a guest between two looks at it, in libvirt's words and in order. `seen`: nothing can have been
 * missed between them, and then one that comes or goes running comes from another host or goes to one.
 */
export function happenings(
  before: Life | undefined,
  after: Life | undefined,
  intent: Intent,
  seen: boolean,
): readonly Happening[] {
  if (before === undefined) {
    if (after === undefined) return [];
    const come = moved("poweredOff", after.power, intent);
    return [ADDED, ...(seen ? come.map(asMigrated) : come)];
  }
  if (after === undefined) {
    const gone = moved(before.power, "poweredOff", intent);
    return [...(seen ? gone.map(asMigrated) : gone), REMOVED];
  }
  const updated = before.etag === after.etag ? [] : [{ type: "defined", detail: "updated" } as const];
  const rebooted =
    before.power === "poweredOn" &&
    after.power === "poweredOn" &&
    before.bootTimeMs > 0 &&
    after.bootTimeMs > before.bootTimeMs;
  return [
    ...updated,
    ...moved(before.power, after.power, intent),
    ...(rebooted ? [{ type: "rebooted", detail: "" } as const] : []),
  ];
}

const ADDED: Happening = { type: "defined", detail: "added" };
const REMOVED: Happening = { type: "undefined", detail: "removed" };

function asMigrated({ type, detail }: Happening): Happening {
  return { type, detail: type === "started" || type === "stopped" ? "migrated" : detail };
}

function moved(from: Power, to: Power, intent: Intent): readonly Happening[] {
  if (from === to) return [];
  switch (to) {
    case "poweredOn":
      return [
        from === "suspended"
          ? { type: "resumed", detail: "unpaused" }
          : { type: "started", detail: "booted" },
      ];
    case "suspended": {
      const suspended: Happening = { type: "suspended", detail: "paused" };
      return from === "poweredOff" ? [{ type: "started", detail: "booted" }, suspended] : [suspended];
    }
    case "poweredOff":
      return [{ type: "stopped", detail: intent === "destroy" ? "destroyed" : "shutdown" }];
  }
}

export interface Standing {
  readonly state: DomainState;
  /** In libvirt's words. */
  readonly reason: string;
}

/** What a guest is in after that; `unknown` for what was so before we came. */
export function standingOf(power: Power, last: Happening | undefined): Standing {
  switch (power) {
    case "poweredOn":
      return { state: "running", reason: last === undefined ? "unknown" : runningReason(last) };
    case "suspended":
      return { state: "paused", reason: last === undefined ? "unknown" : "user" };
    case "poweredOff":
      return { state: "shutoff", reason: last?.type === "stopped" ? last.detail : "unknown" };
  }
}

function runningReason({ type, detail }: Happening): string {
  return type === "started" ? detail : (RUNNING[type] ?? "unknown");
}

const RUNNING: Readonly<Partial<Record<LifecycleType, string>>> = { resumed: "unpaused", rebooted: "booted" };
