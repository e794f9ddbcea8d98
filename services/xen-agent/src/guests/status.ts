import type { RunFolder } from "@virtmesh/agent/guests/run-folder";
import type { DomainUuid, MigrationId } from "@virtmesh/core/ids";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";

/** What an agent must know to take up a guest that an earlier one started. */
export interface RunStatus {
  readonly format: 1;
  readonly uuid: DomainUuid;
  readonly name: string;
  /** Absent between the decision to start and the start: a domain that is there all the same has never run. */
  readonly id?: number;
  /** It was taken apart to be made anew. */
  readonly restarting?: true;
  /** It is on its way here and no guest of this host yet: its migration sees to it. */
  readonly incoming?: {
    readonly migration: MigrationId;
    /** All of it is here, and stands still. */
    readonly whole?: true;
  };
  readonly startTimeMs: number;
  readonly etag: string;
  /** What runs. */
  readonly xml: string;
}

/** The files of the guests that run: configurations as xl reads them, and their status. */
export type GuestFolder = RunFolder<RunStatus>;

/** What runs, as a status has it. */
export function xmlOf(definition: IdentifiedDomain): string {
  return formatDomain(definition, { secure: true });
}
