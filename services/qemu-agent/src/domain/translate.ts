import type { HypervisorEventBody } from "@virtmesh/core/driver/events";
import type { DomainState, LifecycleType } from "@virtmesh/core/domain/state";
import { targetOfNode } from "../cmdline/node-names.ts";
import { isRefusedEjection } from "./ejection.ts";
import type { QmpEvent } from "../qmp/events.ts";

/** What is known of a running guest when an event of its QEMU arrives. */
export interface Situation {
  readonly state: DomainState;
  readonly reason: string;
  /** Why the CPUs will stop, or did, when QEMU said so before STOP itself. */
  readonly stopCause?: StopCause;
  /** What QEMU said of its end, once it said it. */
  readonly shutdown?: ShutdownKind;
  /** It is on its way to another host, or comes from one. */
  readonly migrating?: "out" | "in" | "pulling";
  /** Somebody asked for a reboot: the guest's power-off is turned into a reset. */
  readonly rebooting: boolean;
  /** The guest has run: before that, RESUME is its start. */
  readonly begun: boolean;
}

export type StopCause = "io-error" | "watchdog" | "crashed" | "snapshot";
/** `asked`: the agent or somebody on this host ended QEMU. */
export type ShutdownKind = "guest" | "asked" | "crashed";

export interface Translation {
  readonly situation: Situation;
  readonly bodies: readonly HypervisorEventBody[];
}

type EventName = QmpEvent["event"];
type Translate<E extends EventName> = (
  data: Extract<QmpEvent, { readonly event: E }>["data"],
  now: Situation,
) => Translation;

const lifecycle = (type: LifecycleType, detail: string): HypervisorEventBody => ({
  kind: "lifecycle",
  type,
  detail,
});
const unchanged = (situation: Situation, ...bodies: HypervisorEventBody[]): Translation => ({
  situation,
  bodies,
});

/** libvirt's words for why a guest was paused. */
const SUSPENDED = { "io-error": "io-error", watchdog: "watchdog", migration: "migrated", user: "paused" };

/** Why a guest that has come stands still: it was to, or something has stopped it as soon as it ran here. */
export function haltedBy({ stopCause, reason }: Situation): {
  readonly reason: string;
  readonly detail: string;
} {
  const cause = stopCause ?? (reason === "io-error" || reason === "watchdog" ? reason : "user");
  return { reason: cause, detail: cause === "crashed" || cause === "snapshot" ? "paused" : SUSPENDED[cause] };
}

/** What an event means for the life of a guest. Events that are not in here, and those of jobs, change nothing in it. */
const TABLE: { readonly [E in EventName]?: Translate<E> } = {
  STOP: (_, now) => {
    // A guest that is ending, or has crashed, stops too: that is not a pause.
    if (now.shutdown !== undefined || now.rebooting) return unchanged(now);
    const cause = now.stopCause ?? (now.migrating === "out" ? "migration" : "user");
    const paused: Situation = { ...now, state: "paused", reason: cause };
    if (cause === "crashed" || cause === "snapshot" || now.migrating === "in") return unchanged(paused);
    return unchanged(paused, lifecycle("suspended", SUSPENDED[cause]));
  },
  RESUME: (_, now) => {
    const { stopCause: _cause, ...rest } = now;
    if (now.rebooting || now.shutdown !== undefined) {
      // It goes on after the pause that replaced its power-off.
      const { shutdown: _shutdown, ...again } = rest;
      return unchanged({ ...again, state: "running", rebooting: false });
    }
    if (!now.begun) return unchanged({ ...rest, state: "running", begun: true });
    if (now.migrating === "out") {
      return unchanged(
        { ...rest, state: "running", reason: "migration-canceled" },
        lifecycle("resumed", "migrated"),
      );
    }
    // The host it comes to tells of it when it adopts it.
    if (now.migrating === "in") return unchanged({ ...rest, state: "running", reason: "migrated" });
    return unchanged({ ...rest, state: "running", reason: "unpaused" }, lifecycle("resumed", "unpaused"));
  },
  // libvirt's words: SUSPENDED_POSTCOPY, RESUMED_POSTCOPY and so on.
  MIGRATION: ({ status }, now) => {
    const word = {
      "postcopy-active": "postcopy",
      "postcopy-paused": "postcopy-failed",
      completed: "migrated",
    };
    const reason = status in word ? word[status as keyof typeof word] : undefined;
    if (reason === undefined || reason === now.reason) return unchanged(now);
    if (now.migrating === "out" && reason !== "migrated")
      return unchanged({ ...now, state: "paused", reason }, lifecycle("suspended", reason));
    if (now.migrating === "pulling") return unchanged({ ...now, reason }, lifecycle("resumed", reason));
    return unchanged(now);
  },
  // After one reset by the host SeaBIOS may reset the machine some times more: QEMU tells each.
  RESET: ({ guest }, now) => {
    // A guest that was asked to power off for a reboot may well reboot by itself.
    const after = guest && now.rebooting ? { ...now, rebooting: false } : now;
    return unchanged(after, lifecycle("rebooted", guest ? "guest" : "host"));
  },
  SHUTDOWN: ({ guest, reason }, now) => {
    if (reason === "guest-panic") {
      return unchanged({ ...now, state: "shutdown", reason: "crashed", shutdown: "crashed" });
    }
    const shutdown: ShutdownKind = guest ? "guest" : "asked";
    if (now.rebooting && guest) return unchanged({ ...now, shutdown });
    return unchanged(
      { ...now, state: "shutdown", reason: "user", shutdown },
      ...(guest ? [lifecycle("shutdown", "guest")] : []),
    );
  },
  SUSPEND: (_, now) =>
    unchanged({ ...now, state: "pmsuspended", reason: "memory" }, lifecycle("pmsuspended", "memory")),
  SUSPEND_DISK: (_, now) => unchanged(now, lifecycle("pmsuspended", "disk")),
  WAKEUP: (_, now) =>
    unchanged({ ...now, state: "running", reason: "wakeup" }, lifecycle("started", "wakeup")),
  WATCHDOG: ({ action }, now) =>
    action === "pause" ? unchanged({ ...now, stopCause: "watchdog" }) : unchanged(now),
  GUEST_PANICKED: ({ action }, now) => {
    const detail = action === "pause" ? "the CPUs were stopped" : `the action is ${action}`;
    const after: Situation = action === "pause" ? { ...now, stopCause: "crashed" } : now;
    return unchanged(after, { kind: "guestPanic", detail }, lifecycle("crashed", "panicked"));
  },
  GUEST_CRASHLOADED: (_, now) =>
    unchanged(now, { kind: "guestPanic", detail: "the guest's crash kernel was loaded" }),
  BLOCK_IO_ERROR: (data, now) => {
    const body: HypervisorEventBody = {
      kind: "ioError",
      disk: diskOf(data["node-name"] ?? data.device),
      operation: data.operation,
      action: data.action,
      message: data.reason,
      outOfSpace: data.nospace ?? false,
    };
    return unchanged(data.action === "stop" ? { ...now, stopCause: "io-error" } : now, body);
  },
  // Parts of a device end with it, and have no id.
  DEVICE_DELETED: ({ device }, now) =>
    device === undefined ? unchanged(now) : unchanged(now, deviceEvent("removed", device, "")),
  DEVICE_UNPLUG_GUEST_ERROR: ({ device, path }, now) =>
    unchanged(now, deviceEvent("removalFailed", device ?? path, "the guest refused")),
  ACPI_DEVICE_OST: ({ info }, now) =>
    info.device === undefined || !isRefusedEjection(info)
      ? unchanged(now)
      : unchanged(now, deviceEvent("removalFailed", info.device, "the guest refused")),
  DEVICE_TRAY_MOVED: (data, now) =>
    unchanged(now, deviceEvent("trayChanged", data.id, data["tray-open"] ? "open" : "closed")),
  VSERPORT_CHANGE: ({ id, open }, now) =>
    unchanged(now, deviceEvent("channelChanged", id, open ? "connected" : "disconnected")),
};

export function translate(event: QmpEvent, now: Situation): Translation {
  const rule = TABLE[event.event] as Translate<EventName> | undefined;
  return rule === undefined ? unchanged(now) : rule(event.data, now);
}

function deviceEvent(
  type: Extract<HypervisorEventBody, { readonly kind: "device" }>["type"],
  device: string,
  detail: string,
): HypervisorEventBody {
  return { kind: "device", type, device, detail };
}

/** Name of the disk in the guest, for the node or device that QEMU names. */
export function diskOf(nodeOrDevice: string): string {
  return targetOfNode(nodeOrDevice) ?? nodeOrDevice.replace(/^disk-/, "");
}

/** How a running guest ended: its state, and the event for it. */
export interface Ending {
  readonly reason: "shutdown" | "destroyed" | "crashed" | "migrated";
  readonly body: HypervisorEventBody;
}

/** What the end of a QEMU means. `orderly`: it ended by itself and in order, nobody having said why. */
export function endingOf(
  last: Situation,
  how: { readonly destroyed: boolean; readonly migrated: boolean; readonly orderly: boolean },
): Ending {
  const ended = (reason: Ending["reason"]): Ending => ({ reason, body: lifecycle("stopped", reason) });
  if (how.migrated) return ended("migrated");
  if (how.destroyed) return ended("destroyed");
  if (last.shutdown === "crashed") return ended("crashed");
  if (last.shutdown !== undefined) return ended("shutdown");
  return ended(how.orderly ? "shutdown" : "crashed");
}
