import * as wire from "@virtmesh/api/gen/virtmesh/v1/storage";
import type { PoolInfo, PoolState, VolumeInfo } from "@virtmesh/core/driver/storage";
import { dateOf } from "./domain.ts";

const POOL_STATES = {
  inactive: wire.StoragePoolState.STORAGE_POOL_STATE_INACTIVE,
  building: wire.StoragePoolState.STORAGE_POOL_STATE_BUILDING,
  running: wire.StoragePoolState.STORAGE_POOL_STATE_RUNNING,
  degraded: wire.StoragePoolState.STORAGE_POOL_STATE_DEGRADED,
  inaccessible: wire.StoragePoolState.STORAGE_POOL_STATE_INACCESSIBLE,
} as const satisfies Record<PoolState, wire.StoragePoolState>;

export function toWirePool(
  info: PoolInfo,
  agent: { readonly uri: string; readonly host: string },
): wire.StoragePool {
  const { uuid, name, type, capacityBytes, allocationBytes, availableBytes, path } = info;
  return {
    ...{ uri: agent.uri, host: agent.host, uuid, name, type, state: POOL_STATES[info.state] },
    ...{ capacityBytes, allocationBytes, availableBytes, path },
  };
}

export function toWireVolume(info: VolumeInfo, pool: string): wire.StorageVolume {
  const { name, path, key, format, capacityBytes, allocationBytes } = info;
  return {
    ...{ pool, name, path, key, format, capacityBytes, allocationBytes },
    modifyTime: dateOf(info.modifyTimeMs),
  };
}
