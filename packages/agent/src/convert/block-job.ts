import type { BlockJob } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import type { BlockJobInfo } from "@virtmesh/core/driver/block-jobs";
import { wireBlockJobState, wireBlockJobType } from "./enums.ts";

export function toWireBlockJob(job: BlockJobInfo): BlockJob {
  return {
    id: job.id,
    disk: job.disk,
    type: wireBlockJobType(job.type),
    state: wireBlockJobState(job.state),
    doneBytes: job.doneBytes,
    totalBytes: job.totalBytes,
    speedLimitBytesPerSecond: job.speedLimitBytesPerSecond,
    error: job.error,
    migrationId: job.migrationId ?? "",
  };
}
