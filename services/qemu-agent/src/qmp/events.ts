import type { BlockdevOnError, JobStatus, JobType, MigrationStatus } from "./commands.ts";

/** The events of QEMU's QAPI schema that are used here, with their data (qapi/*.json of QEMU 7.2). */
export interface QmpEvents {
  STOP: undefined;
  RESUME: undefined;
  RESET: { readonly guest: boolean; readonly reason: ShutdownCause };
  SHUTDOWN: { readonly guest: boolean; readonly reason: ShutdownCause };
  POWERDOWN: undefined;
  SUSPEND: undefined;
  SUSPEND_DISK: undefined;
  WAKEUP: undefined;
  WATCHDOG: { readonly action: string };
  GUEST_PANICKED: { readonly action: "pause" | "poweroff" | "run"; readonly info?: unknown };
  GUEST_CRASHLOADED: { readonly action: string };
  BLOCK_IO_ERROR: {
    readonly device: string;
    readonly "node-name"?: string;
    readonly operation: "read" | "write";
    readonly action: "ignore" | "report" | "stop";
    readonly nospace?: boolean;
    readonly reason: string;
  };
  BLOCK_WRITE_THRESHOLD: { readonly "node-name": string };
  BLOCK_JOB_READY: BlockJobEventData;
  BLOCK_JOB_PENDING: { readonly type: JobType; readonly id: string };
  BLOCK_JOB_CANCELLED: BlockJobEventData;
  /** Also the end of a cancelled mirror that was ready; failed exactly when `error` is there. */
  BLOCK_JOB_COMPLETED: BlockJobEventData & { readonly error?: string };
  BLOCK_JOB_ERROR: {
    readonly device: string;
    readonly operation: "read" | "write";
    readonly action: BlockdevOnError;
  };
  JOB_STATUS_CHANGE: { readonly id: string; readonly status: JobStatus };
  MIGRATION: { readonly status: MigrationStatus };
  MIGRATION_PASS: { readonly pass: number };
  DEVICE_DELETED: { readonly device?: string; readonly path: string };
  DEVICE_UNPLUG_GUEST_ERROR: { readonly device?: string; readonly path: string };
  /** What the guest's ACPI says of a request (_OST, ACPI specification 6.3.5); source 3 and 0x103 are ejections. */
  ACPI_DEVICE_OST: {
    readonly info: {
      readonly device?: string;
      readonly slot: string;
      readonly "slot-type": "DIMM" | "CPU";
      readonly source: number;
      readonly status: number;
    };
  };
  DEVICE_TRAY_MOVED: { readonly device: string; readonly id: string; readonly "tray-open": boolean };
  VSERPORT_CHANGE: { readonly id: string; readonly open: boolean };
  MEMORY_DEVICE_SIZE_CHANGE: { readonly id?: string; readonly size: number; readonly "qom-path": string };
  BALLOON_CHANGE: { readonly actual: number };
  NIC_RX_FILTER_CHANGED: { readonly name?: string; readonly path: string };
  BLOCK_EXPORT_DELETED: { readonly id: string };
  DUMP_COMPLETED: { readonly error?: string };
}

/** `host-qmp-quit`, `host-signal`, `guest-shutdown`, `guest-reset`, `guest-panic`, ... (qapi/run-state.json). */
export type ShutdownCause =
  | "none"
  | "host-error"
  | "host-qmp-quit"
  | "host-qmp-system-reset"
  | "host-signal"
  | "host-ui"
  | "guest-shutdown"
  | "guest-reset"
  | "guest-panic"
  | "subsystem-reset"
  | "snapshot-load";

export interface BlockJobEventData {
  readonly type: JobType;
  /** The job's id, although QEMU calls it so. */
  readonly device: string;
  readonly len: number;
  readonly offset: number;
  readonly speed: number;
}

export type QmpEvent = {
  readonly [E in keyof QmpEvents]: {
    readonly event: E;
    readonly data: QmpEvents[E];
    /** By QEMU's clock, milliseconds since the epoch. */
    readonly timeMs: number;
  };
}[keyof QmpEvents];

/** Called in the order of arrival, from within the reading of the socket: must not throw and must not take long. */
export type QmpEventListener = (event: QmpEvent) => void;
