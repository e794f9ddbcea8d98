import {
  RevertState as WireRevertState,
  type Snapshot,
  SnapshotScope as WireSnapshotScope,
} from "@virtmesh/api/gen/virtmesh/v1/snapshot";
import type { RevertState, SnapshotInfo, SnapshotScope } from "@virtmesh/core/driver/snapshots";
import { dateOf } from "./domain.ts";
import { wireDomainState } from "./enums.ts";
import { unknownValue } from "./field.ts";

export function toWireSnapshot({ createTimeMs, state, ...info }: SnapshotInfo): Snapshot {
  return { ...info, createTime: dateOf(createTimeMs), state: wireDomainState(state) };
}

export function revertStateOf(state: WireRevertState): RevertState {
  switch (state) {
    case WireRevertState.REVERT_STATE_UNSPECIFIED:
      return "asSaved";
    case WireRevertState.REVERT_STATE_RUNNING:
      return "running";
    case WireRevertState.REVERT_STATE_PAUSED:
      return "paused";
    default:
      throw unknownValue("state", state);
  }
}

export function snapshotScopeOf(scope: WireSnapshotScope): SnapshotScope {
  switch (scope) {
    case WireSnapshotScope.SNAPSHOT_SCOPE_UNSPECIFIED:
      return "alone";
    case WireSnapshotScope.SNAPSHOT_SCOPE_CHILDREN:
      return "withChildren";
    case WireSnapshotScope.SNAPSHOT_SCOPE_CHILDREN_ONLY:
      return "childrenOnly";
    default:
      throw unknownValue("scope", scope);
  }
}
