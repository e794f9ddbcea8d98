import {
  BlockJobState as WireBlockJobState,
  BlockJobType as WireBlockJobType,
} from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DomainState as WireDomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { DeviceEventType, LifecycleEventType, SnapshotEventType } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { DomainState, LifecycleType } from "@virtmesh/core/domain/state";
import type { BlockJobState, BlockJobType } from "@virtmesh/core/driver/block-jobs";
import type { HypervisorEventBody } from "@virtmesh/core/driver/events";

type DeviceEventKind = Extract<HypervisorEventBody, { kind: "device" }>["type"];
type SnapshotEventKind = Extract<HypervisorEventBody, { kind: "snapshot" }>["type"];

const DOMAIN_STATES = {
  running: WireDomainState.DOMAIN_STATE_RUNNING,
  blocked: WireDomainState.DOMAIN_STATE_BLOCKED,
  paused: WireDomainState.DOMAIN_STATE_PAUSED,
  shutdown: WireDomainState.DOMAIN_STATE_SHUTDOWN,
  shutoff: WireDomainState.DOMAIN_STATE_SHUTOFF,
  crashed: WireDomainState.DOMAIN_STATE_CRASHED,
  pmsuspended: WireDomainState.DOMAIN_STATE_PMSUSPENDED,
} as const satisfies Record<DomainState, WireDomainState>;

const JOB_TYPES = {
  mirror: WireBlockJobType.BLOCK_JOB_TYPE_MIRROR,
  commit: WireBlockJobType.BLOCK_JOB_TYPE_COMMIT,
  stream: WireBlockJobType.BLOCK_JOB_TYPE_STREAM,
  backup: WireBlockJobType.BLOCK_JOB_TYPE_BACKUP,
} as const satisfies Record<BlockJobType, WireBlockJobType>;

const JOB_STATES = {
  running: WireBlockJobState.BLOCK_JOB_STATE_RUNNING,
  ready: WireBlockJobState.BLOCK_JOB_STATE_READY,
  paused: WireBlockJobState.BLOCK_JOB_STATE_PAUSED,
  aborting: WireBlockJobState.BLOCK_JOB_STATE_ABORTING,
  completed: WireBlockJobState.BLOCK_JOB_STATE_COMPLETED,
  failed: WireBlockJobState.BLOCK_JOB_STATE_FAILED,
  cancelled: WireBlockJobState.BLOCK_JOB_STATE_CANCELLED,
} as const satisfies Record<BlockJobState, WireBlockJobState>;

const LIFECYCLE_TYPES = {
  defined: LifecycleEventType.LIFECYCLE_EVENT_TYPE_DEFINED,
  undefined: LifecycleEventType.LIFECYCLE_EVENT_TYPE_UNDEFINED,
  started: LifecycleEventType.LIFECYCLE_EVENT_TYPE_STARTED,
  suspended: LifecycleEventType.LIFECYCLE_EVENT_TYPE_SUSPENDED,
  resumed: LifecycleEventType.LIFECYCLE_EVENT_TYPE_RESUMED,
  stopped: LifecycleEventType.LIFECYCLE_EVENT_TYPE_STOPPED,
  shutdown: LifecycleEventType.LIFECYCLE_EVENT_TYPE_SHUTDOWN,
  pmsuspended: LifecycleEventType.LIFECYCLE_EVENT_TYPE_PMSUSPENDED,
  crashed: LifecycleEventType.LIFECYCLE_EVENT_TYPE_CRASHED,
  rebooted: LifecycleEventType.LIFECYCLE_EVENT_TYPE_REBOOTED,
} as const satisfies Record<LifecycleType, LifecycleEventType>;

const DEVICE_TYPES = {
  added: DeviceEventType.DEVICE_EVENT_TYPE_ADDED,
  removed: DeviceEventType.DEVICE_EVENT_TYPE_REMOVED,
  removalFailed: DeviceEventType.DEVICE_EVENT_TYPE_REMOVAL_FAILED,
  trayChanged: DeviceEventType.DEVICE_EVENT_TYPE_TRAY_CHANGED,
  channelChanged: DeviceEventType.DEVICE_EVENT_TYPE_CHANNEL_CHANGED,
  updated: DeviceEventType.DEVICE_EVENT_TYPE_UPDATED,
} as const satisfies Record<DeviceEventKind, DeviceEventType>;

const SNAPSHOT_TYPES = {
  created: SnapshotEventType.SNAPSHOT_EVENT_TYPE_CREATED,
  reverted: SnapshotEventType.SNAPSHOT_EVENT_TYPE_REVERTED,
  deleted: SnapshotEventType.SNAPSHOT_EVENT_TYPE_DELETED,
} as const satisfies Record<SnapshotEventKind, SnapshotEventType>;

/** virDomainState's own numbers, as exporters show them; the wire has the same ones. */
export function wireDomainState(state: DomainState): WireDomainState {
  return DOMAIN_STATES[state];
}

export function wireBlockJobType(type: BlockJobType): WireBlockJobType {
  return JOB_TYPES[type];
}

export function wireBlockJobState(state: BlockJobState): WireBlockJobState {
  return JOB_STATES[state];
}

export function wireLifecycleType(type: LifecycleType): LifecycleEventType {
  return LIFECYCLE_TYPES[type];
}

export function wireDeviceEventType(type: DeviceEventKind): DeviceEventType {
  return DEVICE_TYPES[type];
}

export function wireSnapshotEventType(type: SnapshotEventKind): SnapshotEventType {
  return SNAPSHOT_TYPES[type];
}
