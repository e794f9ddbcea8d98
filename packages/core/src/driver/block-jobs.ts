import type { Call } from "../call.ts";
import type { DomainUuid, MigrationId } from "../ids.ts";

export type BlockJobType = "mirror" | "commit" | "stream" | "backup";
export type BlockJobState =
  | "running"
  | "ready"
  | "paused"
  | "aborting"
  | "completed"
  | "failed"
  | "cancelled";

export interface BlockJobInfo {
  readonly id: string;
  /** Name of the disk in the guest. */
  readonly disk: string;
  readonly type: BlockJobType;
  readonly state: BlockJobState;
  readonly doneBytes: bigint;
  readonly totalBytes: bigint;
  /** 0 without a limit. */
  readonly speedLimitBytesPerSecond: bigint;
  /** What the hypervisor said when it failed; empty otherwise. */
  readonly error: string;
  readonly migrationId?: MigrationId;
}

export interface BlockJobFacet {
  list(uuid: DomainUuid, c: Call): Promise<readonly BlockJobInfo[]>;
  /** Asks it to stop; its end comes as an event. @throws JOB_NOT_FOUND; WRONG_STATE for a migration's job. */
  cancel(uuid: DomainUuid, job: string, c: Call): Promise<void>;
}
