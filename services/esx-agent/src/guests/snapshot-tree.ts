import type { SnapshotInfo } from "@virtmesh/core/driver/snapshots";
import { type Reference } from "../vim/encode.ts";
import { childOf, childrenOf, textAt, type VimNode } from "../vim/node.ts";
import { referenceOf } from "../vim/session.ts";

export interface PlacedSnapshot {
  readonly object: Reference;
  readonly info: SnapshotInfo;
}

/** A VirtualMachineSnapshotInfo as a list, parents before their children. */
export function snapshotTree(snapshots: VimNode | undefined): readonly PlacedSnapshot[] {
  const current = textAt(snapshots, "currentSnapshot") ?? "";
  return childrenOf(snapshots, "rootSnapshotList").flatMap((root) => branch(root, "", current));
}

function branch(node: VimNode, parent: string, current: string): readonly PlacedSnapshot[] {
  const object = childOf(node, "snapshot");
  if (object === undefined) return [];
  const state = textAt(node, "state");
  const name = textAt(node, "name") ?? "";
  const info: SnapshotInfo = {
    ...{ name, parent, description: textAt(node, "description") ?? "" },
    current: object.text === current,
    createTimeMs: Date.parse(textAt(node, "createTime") ?? "") || 0,
    state: state === "poweredOn" ? "running" : state === "suspended" ? "paused" : "shutoff",
    // A snapshot of what runs that has no memory is of a guest that is off.
    memory: state === "poweredOn",
    internal: false,
  };
  return [
    { object: referenceOf(object), info },
    ...childrenOf(node, "childSnapshotList").flatMap((child) => branch(child, name, current)),
  ];
}
