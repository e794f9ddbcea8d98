import type { DomainState, LifecycleType } from "@virtmesh/core/domain/state";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { ListedDomain, ShutdownReason } from "../xl/listing.ts";

/** How a run of a guest stands. */
export interface Standing {
  readonly state: Extract<DomainState, "running" | "paused" | "shutdown" | "crashed">;
  /** In libvirt's words. */
  readonly reason: string;
}

export const BOOTED: Standing = { state: "running", reason: "booted" };

/** As Xen shows one that ran before. */
export function standingOf(row: ListedDomain | undefined): Standing {
  if (row?.shutdown === "suspend") return { state: "paused", reason: "migration" };
  return row?.paused === true ? { state: "paused", reason: "unknown" } : BOOTED;
}

export interface Told {
  readonly type: LifecycleType;
  readonly detail: string;
}

/** What a look at Xen shows of a domain. It may be the first after an agent was away. */
export type Fact =
  | { readonly kind: "there"; readonly paused: boolean }
  /** It has ended, and Xen keeps it until somebody takes it apart. */
  | { readonly kind: "ended"; readonly why: ShutdownReason }
  | { readonly kind: "gone" };

export type EndReason = "destroyed" | "shutdown" | "crashed";

/** What is to be done about it. Nobody else does: domains are made without a watcher of xl's own. */
export type Act =
  | { readonly kind: "nothing" }
  /** Somebody else has taken it apart. */
  | { readonly kind: "forget" }
  | { readonly kind: "end"; readonly reason: EndReason; readonly dump: boolean }
  | { readonly kind: "restart"; readonly reason: EndReason | "reboot"; readonly dump: boolean }
  /** It stays as it is, for somebody to look at. */
  | { readonly kind: "keep"; readonly standing: Standing; readonly told: Told };

const NOTHING: Act = { kind: "nothing" };

type LifecycleAction = NonNullable<DomainDefinition["onCrash"]>;

/** What a definition says should follow an end. */
export interface Wishes {
  readonly onPoweroff: LifecycleAction;
  readonly onReboot: LifecycleAction;
  readonly onCrash: LifecycleAction;
}

export function wishesOf({ onPoweroff, onReboot, onCrash }: DomainDefinition): Wishes {
  return {
    onPoweroff: onPoweroff ?? "destroy",
    onReboot: onReboot ?? "restart",
    onCrash: onCrash ?? "destroy",
  };
}

/** What a row of Xen's list, or its absence, says about a domain. */
export function factOf(row: ListedDomain | undefined): Fact {
  if (row === undefined || row.dying) return { kind: "gone" };
  return row.shutdown === undefined
    ? { kind: "there", paused: row.paused }
    : { kind: "ended", why: row.shutdown };
}

/** What follows a fact. Xen tells each end twice: when a guest has ended, and when it was taken apart. */
export function follow(now: Standing, fact: Fact, wishes: Wishes): Act {
  if (fact.kind === "there") return NOTHING;
  if (fact.kind === "gone") return { kind: "forget" };
  // It was kept as it is; that it has ended is no news.
  if (now.state === "shutdown" || now.state === "crashed") return NOTHING;
  switch (fact.why) {
    case "poweroff":
      return carryOut(wishes.onPoweroff, "shutdown");
    case "reboot":
    case "softReset":
      return carryOut(wishes.onReboot, "reboot");
    case "crash":
    case "watchdog":
      return carryOut(wishes.onCrash, "crashed");
    case "suspend":
      // Whoever saves it goes on with it.
      return NOTHING;
  }
}

function carryOut(action: LifecycleAction, why: "shutdown" | "reboot" | "crashed"): Act {
  switch (action) {
    case "destroy":
    case "coredump-destroy":
      return {
        kind: "end",
        reason: why === "reboot" ? "shutdown" : why,
        dump: action === "coredump-destroy",
      };
    case "restart":
    case "coredump-restart":
      return { kind: "restart", reason: why, dump: action === "coredump-restart" };
    case "preserve":
    case "rename-restart":
      return why === "crashed"
        ? {
            kind: "keep",
            standing: { state: "crashed", reason: "panicked" },
            told: { type: "crashed", detail: "panicked" },
          }
        : {
            kind: "keep",
            standing: { state: "shutdown", reason: "user" },
            told: { type: "shutdown", detail: "finished" },
          };
  }
}
