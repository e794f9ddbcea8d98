/** One entity of `query-qmp-schema` (qapi/introspect.json), as far as it is looked at. */
export interface QmpSchemaEntry {
  readonly name: string;
  readonly "meta-type": string;
  /** Of a command: the name of the type of its arguments. */
  readonly "arg-type"?: string;
  /** Of an object: its members, the one that decides its variants, and these. */
  readonly members?: readonly { readonly name?: string; readonly type: string }[];
  readonly tag?: string;
  readonly variants?: readonly { readonly case: string; readonly type: string }[];
}

/**
 * The commands of QEMU's QAPI schema that are used here: `[arguments, result]` by name (qapi/*.json of QEMU 7.2;
 * later versions keep them). `undefined` arguments mean that the command takes none, or that none are needed.
 */
export interface QmpCommands {
  qmp_capabilities: [{ readonly enable?: readonly string[] } | undefined, Nothing];
  "query-version": [undefined, QmpVersion];
  "query-target": [undefined, { readonly arch: string }];
  "query-command-line-options": [
    { readonly option?: string } | undefined,
    readonly { readonly option: string; readonly parameters: readonly { readonly name: string }[] }[],
  ];
  "query-status": [undefined, { readonly status: RunState; readonly running: boolean }];
  "query-machines": [undefined, readonly QmpMachine[]];
  "query-cpu-definitions": [undefined, readonly QmpCpuModel[]];
  "query-kvm": [undefined, { readonly enabled: boolean; readonly present: boolean }];
  "query-commands": [undefined, readonly { readonly name: string }[]];
  "query-qmp-schema": [undefined, readonly QmpSchemaEntry[]];
  "query-cpus-fast": [undefined, readonly { readonly "cpu-index": number; readonly "thread-id": number }[]];
  "query-balloon": [undefined, { readonly actual: number }];
  "query-chardev": [
    undefined,
    readonly { readonly label: string; readonly filename: string; readonly "frontend-open": boolean }[],
  ];
  "query-vnc": [undefined, { readonly enabled: boolean; readonly host?: string; readonly service?: string }];
  "qom-list": [{ readonly path: string }, readonly { readonly name: string; readonly type: string }[]];
  "qom-list-types": [
    { readonly implements?: string; readonly abstract?: boolean } | undefined,
    readonly { readonly name: string; readonly parent?: string }[],
  ];
  "qom-list-properties": [
    { readonly typename: string },
    readonly { readonly name: string; readonly type: string }[],
  ];
  "qom-get": [{ readonly path: string; readonly property: string }, unknown];
  "qom-set": [{ readonly path: string; readonly property: string; readonly value: unknown }, Nothing];
  "object-add": [
    { readonly "qom-type": string; readonly id: string; readonly [property: string]: unknown },
    Nothing,
  ];
  "object-del": [{ readonly id: string }, Nothing];
  device_add: [
    { readonly driver: string; readonly id: string; readonly [property: string]: unknown },
    Nothing,
  ];
  device_del: [{ readonly id: string }, Nothing];
  "chardev-add": [
    {
      readonly id: string;
      readonly backend: { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
    },
    Nothing,
  ];
  "chardev-remove": [{ readonly id: string }, Nothing];
  netdev_add: [{ readonly type: string; readonly id: string; readonly [option: string]: unknown }, Nothing];
  netdev_del: [{ readonly id: string }, Nothing];
  "query-hotpluggable-cpus": [undefined, readonly QmpHotpluggableCpu[]];
  "human-monitor-command": [{ readonly "command-line": string }, string];

  cont: [undefined, Nothing];
  stop: [undefined, Nothing];
  quit: [undefined, Nothing];
  system_powerdown: [undefined, Nothing];
  system_reset: [undefined, Nothing];
  /** What QEMU does when the guest powers off, resets, panics or its watchdog fires. */
  "set-action": [
    { readonly shutdown?: "poweroff" | "pause"; readonly reboot?: "reset" | "shutdown" },
    Nothing,
  ];
  set_link: [{ readonly name: string; readonly up: boolean }, Nothing];
  "blockdev-open-tray": [{ readonly id: string; readonly force?: boolean }, Nothing];
  set_password: [{ readonly protocol: "vnc" | "spice"; readonly password: string }, Nothing];
  expire_password: [{ readonly protocol: "vnc" | "spice"; readonly time: string }, Nothing];
  balloon: [{ readonly value: number }, Nothing];
  system_wakeup: [undefined, Nothing];
  screendump: [
    {
      readonly filename: string;
      readonly device?: string;
      readonly head?: number;
      readonly format?: "ppm" | "png";
    },
    Nothing,
  ];

  "query-block": [undefined, readonly QmpBlockDevice[]];
  "query-blockstats": [{ readonly "query-nodes"?: boolean } | undefined, readonly QmpBlockStats[]];
  "query-named-block-nodes": [{ readonly flat?: boolean } | undefined, readonly QmpBlockNode[]];
  "blockdev-add": [
    { readonly driver: string; readonly "node-name": string; readonly [option: string]: unknown },
    Nothing,
  ];
  "blockdev-close-tray": [{ readonly id: string }, Nothing];
  "blockdev-remove-medium": [{ readonly id: string }, Nothing];
  "blockdev-insert-medium": [{ readonly id: string; readonly "node-name": string }, Nothing];
  block_set_io_throttle: [QmpThrottle, Nothing];
  "blockdev-del": [{ readonly "node-name": string }, Nothing];
  "blockdev-mirror": [BlockdevMirror, Nothing];
  "block-job-cancel": [{ readonly device: string; readonly force?: boolean }, Nothing];
  "block-job-complete": [{ readonly device: string }, Nothing];
  "block-job-pause": [{ readonly device: string }, Nothing];
  "block-job-resume": [{ readonly device: string }, Nothing];
  "block-job-set-speed": [{ readonly device: string; readonly speed: number }, Nothing];
  "block-job-dismiss": [{ readonly id: string }, Nothing];
  "query-block-jobs": [undefined, readonly QmpBlockJob[]];
  "query-jobs": [undefined, readonly QmpJob[]];
  "job-cancel": [{ readonly id: string }, Nothing];
  "job-dismiss": [{ readonly id: string }, Nothing];
  "nbd-server-start": [NbdServerStart, Nothing];
  "nbd-server-stop": [undefined, Nothing];
  "block-export-add": [BlockExportAdd, Nothing];
  "block-export-del": [{ readonly id: string; readonly mode?: "safe" | "hard" }, Nothing];
  "query-block-exports": [
    undefined,
    readonly {
      readonly id: string;
      readonly type: string;
      readonly "node-name": string;
      readonly "shutting-down": boolean;
    }[],
  ];

  migrate: [{ readonly uri: string; readonly resume?: boolean }, Nothing];
  "migrate-incoming": [{ readonly uri: string }, Nothing];
  "migrate-continue": [{ readonly state: "pre-switchover" }, Nothing];
  migrate_cancel: [undefined, Nothing];
  "migrate-start-postcopy": [undefined, Nothing];
  /** Takes the place of a door that was opened before. */
  "migrate-recover": [{ readonly uri: string }, Nothing];
  "migrate-set-capabilities": [
    {
      readonly capabilities: readonly { readonly capability: MigrationCapability; readonly state: boolean }[];
    },
    Nothing,
  ];
  "query-migrate-capabilities": [
    undefined,
    readonly { readonly capability: MigrationCapability; readonly state: boolean }[],
  ];
  "migrate-set-parameters": [MigrationParameters, Nothing];
  "query-migrate-parameters": [undefined, MigrationParameters];
  "query-migrate": [undefined, QmpMigration];
  yank: [{ readonly instances: readonly YankInstance[] }, Nothing];
  "query-yank": [undefined, readonly YankInstance[]];
}

export type QmpCommand = keyof QmpCommands;
export type QmpArguments<C extends QmpCommand> = QmpCommands[C][0];
export type QmpResult<C extends QmpCommand> = QmpCommands[C][1];

export type Nothing = Readonly<Record<string, never>>;

/** What query-status says (qapi/run-state.json). */
export type RunState =
  | "debug"
  | "inmigrate"
  | "internal-error"
  | "io-error"
  | "paused"
  | "postmigrate"
  | "prelaunch"
  | "finish-migrate"
  | "restore-vm"
  | "running"
  | "save-vm"
  | "shutdown"
  | "suspended"
  | "watchdog"
  | "guest-panicked"
  | "colo";

export type JobType =
  | "commit"
  | "stream"
  | "mirror"
  | "backup"
  | "create"
  | "amend"
  | "snapshot-load"
  | "snapshot-save"
  | "snapshot-delete";
export type JobStatus =
  | "undefined"
  | "created"
  | "running"
  | "paused"
  | "ready"
  | "standby"
  | "waiting"
  | "pending"
  | "aborting"
  | "concluded"
  | "null";
export type BlockdevOnError = "report" | "ignore" | "enospc" | "stop" | "auto";

export interface QmpVersion {
  readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number };
  readonly package: string;
}

export interface QmpMachine {
  readonly name: string;
  readonly alias?: string;
  readonly "is-default"?: boolean;
  readonly "cpu-max": number;
  readonly deprecated: boolean;
  readonly "default-cpu-type"?: string;
  readonly "default-ram-id"?: string;
}

export interface QmpCpuModel {
  readonly name: string;
  readonly typename?: string;
  readonly "alias-of"?: string;
  readonly deprecated: boolean;
}

/** A place for a CPU; one that is plugged in has a path. */
export interface QmpHotpluggableCpu {
  readonly type: string;
  readonly "vcpus-count": number;
  readonly props: Readonly<Record<string, number>>;
  readonly "qom-path"?: string;
}

/** Limits a second, 0 for none; `id` is that of the device in the guest (qapi/block-core.json). */
export interface QmpThrottle {
  readonly id: string;
  readonly bps: number;
  readonly bps_rd: number;
  readonly bps_wr: number;
  readonly iops: number;
  readonly iops_rd: number;
  readonly iops_wr: number;
  readonly group?: string;
  readonly [burst: string]: number | string | undefined;
}

export interface QmpBlockDevice {
  readonly device: string;
  readonly qdev?: string;
  readonly "io-status"?: "ok" | "failed" | "nospace";
  readonly tray_open?: boolean;
  readonly inserted?: { readonly "node-name"?: string; readonly file: string; readonly image: QmpImage };
}

export interface QmpImage {
  readonly filename: string;
  readonly format: string;
  readonly "virtual-size": number;
  readonly "actual-size"?: number;
}

export interface QmpBlockNode {
  readonly "node-name"?: string;
  readonly drv: string;
  readonly file: string;
  readonly ro: boolean;
  readonly cache?: { readonly direct: boolean };
  readonly image: QmpImage;
}

export interface QmpBlockStats {
  readonly device?: string;
  readonly qdev?: string;
  readonly "node-name"?: string;
  readonly stats: {
    readonly rd_operations: number;
    readonly rd_bytes: number;
    readonly rd_total_time_ns: number;
    readonly wr_operations: number;
    readonly wr_bytes: number;
    readonly wr_total_time_ns: number;
    readonly flush_operations: number;
    readonly flush_total_time_ns: number;
    readonly wr_highest_offset: number;
  };
}

export interface QmpBlockJob {
  readonly type: JobType;
  /** The job's id, although QEMU calls it so. */
  readonly device: string;
  readonly len: number;
  readonly offset: number;
  readonly busy: boolean;
  readonly paused: boolean;
  /** Bytes a second; 0 without a limit. */
  readonly speed: number;
  readonly ready: boolean;
  readonly status: JobStatus;
  readonly error?: string;
}

export interface QmpJob {
  readonly id: string;
  readonly type: JobType;
  readonly status: JobStatus;
  readonly "current-progress": number;
  readonly "total-progress": number;
  readonly error?: string;
}

export interface BlockdevMirror {
  readonly "job-id": string;
  readonly device: string;
  readonly target: string;
  readonly sync: "top" | "full" | "none";
  readonly speed?: number;
  readonly "on-source-error"?: BlockdevOnError;
  readonly "on-target-error"?: BlockdevOnError;
  readonly "copy-mode"?: "background" | "write-blocking";
  readonly "auto-finalize"?: boolean;
  readonly "auto-dismiss"?: boolean;
}

export type SocketAddress =
  | { readonly type: "inet"; readonly host: string; readonly port: string }
  | { readonly type: "unix"; readonly path: string };

/** nbd-server-start takes the older form of an address (SocketAddressLegacy). */
export interface NbdServerStart {
  readonly addr:
    | {
        readonly type: "inet";
        readonly data: { readonly host: string; readonly port: string; readonly to?: number };
      }
    | { readonly type: "unix"; readonly data: { readonly path: string } };
  readonly "tls-creds"?: string;
  readonly "tls-authz"?: string;
  readonly "max-connections"?: number;
}

export interface BlockExportAdd {
  readonly type: "nbd";
  readonly id: string;
  readonly "node-name": string;
  readonly name?: string;
  readonly writable?: boolean;
}

export type MigrationStatus =
  | "none"
  | "setup"
  | "cancelling"
  | "cancelled"
  | "active"
  | "postcopy-active"
  | "postcopy-paused"
  | "postcopy-recover"
  | "completed"
  | "failed"
  | "colo"
  | "pre-switchover"
  | "device"
  | "wait-unplug";

export type MigrationCapability =
  | "xbzrle"
  | "auto-converge"
  | "events"
  | "pause-before-switchover"
  | "late-block-activate"
  | "multifd"
  | "return-path"
  | "release-ram"
  | "postcopy-ram"
  | "postcopy-preempt"
  | "compress"
  | "dirty-bitmaps"
  | "validate-uuid";

/** Sizes in bytes, bandwidth in bytes a second, downtime in milliseconds (qapi/migration.json). */
export interface MigrationParameters {
  readonly "max-bandwidth"?: number;
  readonly "downtime-limit"?: number;
  readonly "max-postcopy-bandwidth"?: number;
  readonly "tls-creds"?: string;
  readonly "tls-hostname"?: string;
  readonly "tls-authz"?: string;
  readonly "multifd-channels"?: number;
  readonly "multifd-compression"?: "none" | "zlib" | "zstd";
  readonly "xbzrle-cache-size"?: number;
  readonly "cpu-throttle-initial"?: number;
  readonly "cpu-throttle-increment"?: number;
  readonly "max-cpu-throttle"?: number;
}

export interface QmpMigration {
  readonly status?: MigrationStatus;
  readonly ram?: {
    readonly total: number;
    readonly transferred: number;
    readonly remaining: number;
    readonly mbps: number;
    readonly "dirty-pages-rate": number;
    readonly "dirty-sync-count": number;
    readonly "page-size": number;
    readonly duplicate: number;
    readonly normal: number;
  };
  readonly "total-time"?: number;
  readonly downtime?: number;
  readonly "expected-downtime"?: number;
  readonly "error-desc"?: string;
  readonly "blocked-reasons"?: readonly string[];
}

export type YankInstance =
  | { readonly type: "block-node"; readonly "node-name": string }
  | { readonly type: "chardev"; readonly id: string }
  | { readonly type: "migration" };
