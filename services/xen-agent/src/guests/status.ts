import type { RunFolder } from "@virtmesh/agent/guests/run-folder";
import type { DomainUuid } from "@virtmesh/core/ids";

/** What an agent must know to take up a guest that an earlier one started. */
export interface RunStatus {
  readonly format: 1;
  readonly uuid: DomainUuid;
  readonly name: string;
  /** Absent between the decision to start and the start: a domain that is there all the same has never run. */
  readonly id?: number;
  /** It was taken apart to be made anew. */
  readonly restarting?: true;
  readonly startTimeMs: number;
  readonly etag: string;
  /** What runs. */
  readonly xml: string;
}

/** The files of the guests that run: configurations as xl reads them, and their status. */
export type GuestFolder = RunFolder<RunStatus>;
