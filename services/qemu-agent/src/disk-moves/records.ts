import type { DiskMoveRecords } from "@virtmesh/agent/disk-moves/records";
import type { DiskMove } from "@virtmesh/core/driver/disk-moves";
import type { FileIdentity } from "../migration/made-images.ts";

/** One move as it is remembered. */
export interface DiskMoveRecord {
  readonly move: DiskMove;
  /** `pivoting`: the CPUs stand still, or are about to, until the definitions name the image that the device uses. */
  readonly phase: "copying" | "pivoting";
  /** The CPUs were stopped for the pivot, and go on after it. */
  readonly resume: boolean;
  readonly sinceMs: number;
  readonly from: string;
  /** The old image, where that is a plain file. */
  readonly fromFile?: FileIdentity | undefined;
  readonly format: string;
  /** The new image, once it is made. */
  readonly file?: FileIdentity;
  /** Nodes of the old image and of the new one. */
  readonly oldNodes: Nodes;
  readonly newNodes: Nodes;
}

export interface Nodes {
  readonly format: string;
  readonly storage: string;
  /** They have the second pair of names. */
  readonly second: boolean;
}

export type QemuDiskMoveRecords = DiskMoveRecords<DiskMoveRecord>;
