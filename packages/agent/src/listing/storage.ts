import type { PoolInfo, VolumeInfo } from "@virtmesh/core/driver/storage";
import type { Listing } from "./page.ts";

export const POOL_LISTING: Listing<PoolInfo> = {
  fields: {
    name: { kind: "text", read: (p) => p.name },
    uuid: { kind: "text", read: (p) => p.uuid },
    type: { kind: "text", read: (p) => p.type },
    state: { kind: "text", read: (p) => p.state },
    capacity_bytes: { kind: "number", read: (p) => p.capacityBytes },
    available_bytes: { kind: "number", read: (p) => p.availableBytes },
  },
  keyOf: (p) => p.name,
  defaultOrder: "name",
  defaultSize: 1_000,
  maxSize: 5_000,
};

export const VOLUME_LISTING: Listing<VolumeInfo> = {
  fields: {
    name: { kind: "text", read: (v) => v.name },
    path: { kind: "text", read: (v) => v.path },
    format: { kind: "text", read: (v) => v.format },
    capacity_bytes: { kind: "number", read: (v) => v.capacityBytes },
    allocation_bytes: { kind: "number", read: (v) => v.allocationBytes },
  },
  keyOf: (v) => v.name,
  defaultOrder: "name",
  defaultSize: 1_000,
  maxSize: 5_000,
};
