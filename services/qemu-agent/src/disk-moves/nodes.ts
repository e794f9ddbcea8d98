import { formatNodeName, storageNodeName, targetOfNode } from "../cmdline/node-names.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import type { Nodes } from "./records.ts";

/** The node that the disk's device uses now; undefined when that is none of ours. */
export async function rootNode(qmp: QmpConnection, disk: string): Promise<string | undefined> {
  const names = (await qmp.execute("query-block")).flatMap((b) => b.inserted?.["node-name"] ?? []);
  return names.find((name) => targetOfNode(name) === disk);
}

/** The names of a disk's nodes with that root, and of those that a move makes. */
export function nodesOf(disk: string, root: string): { readonly now: Nodes; readonly next: Nodes } {
  const [first, other] = [namesOf(disk, false), namesOf(disk, true)];
  return root === first.format ? { now: first, next: other } : { now: other, next: first };
}

function namesOf(disk: string, second: boolean): Nodes {
  return { format: formatNodeName(disk, second), storage: storageNodeName(disk, second), second };
}

/** The disks that have the second pair of names, when this one has it or not. */
export function withSecondNodes(before: readonly string[], disk: string, second: boolean): readonly string[] {
  const others = before.filter((target) => target !== disk);
  return second ? [...others, disk] : others;
}
