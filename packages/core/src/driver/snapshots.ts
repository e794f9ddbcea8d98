import type { Call } from "../call.ts";
import type { DomainState } from "../domain/state.ts";
import type { DomainUuid } from "../ids.ts";
import type { DomainInfo } from "./domains.ts";

export interface SnapshotInfo {
  /** Unique among the snapshots of its guest. */
  readonly name: string;
  readonly description: string;
  /** Empty for a root. */
  readonly parent: string;
  /** The guest's disks are based on this one. */
  readonly current: boolean;
  /** Milliseconds since the epoch. */
  readonly createTimeMs: number;
  /** What the guest did when it was made. */
  readonly state: DomainState;
  /** Its memory was kept too. */
  readonly memory: boolean;
  /** Kept inside the images of the disks, and not in files beside them. */
  readonly internal: boolean;
}

export interface SnapshotRequest {
  /** A `<domainsnapshot>`; empty: what follows says all. */
  readonly xml: string;
  /** Made up by the driver when empty. Overrides the document. */
  readonly name: string;
  readonly description: string;
  readonly diskOnly: boolean;
  readonly quiesce: boolean;
  /** Leave the guest stopped afterwards. */
  readonly halt: boolean;
}

export type SnapshotScope = "alone" | "withChildren" | "childrenOnly";
/** What the guest does after it was reverted. */
export type RevertState = "asSaved" | "running" | "paused";

/** States of a guest that one can return to. Each change is told by a `snapshot` event; an aborted one leaves nothing of it. */
export interface SnapshotFacet {
  /** Parents before their children. */
  list(uuid: DomainUuid, c: Call): Promise<readonly SnapshotInfo[]>;
  /** @throws SNAPSHOT_NOT_FOUND */
  xml?(uuid: DomainUuid, name: string, form: { readonly secure: boolean }, c: Call): Promise<string>;
  /** @throws SNAPSHOT_EXISTS, CONFIG_UNSUPPORTED naming the disk that cannot be part of it */
  create(uuid: DomainUuid, request: SnapshotRequest, c: Call): Promise<SnapshotInfo>;
  /** @throws SNAPSHOT_NOT_FOUND */
  revert?(uuid: DomainUuid, name: string, state: RevertState, c: Call): Promise<DomainInfo>;
  /** @throws SNAPSHOT_NOT_FOUND */
  delete(uuid: DomainUuid, name: string, scope: SnapshotScope, c: Call): Promise<void>;
}
