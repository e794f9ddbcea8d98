import { formatNodeName, storageNodeName, targetOfNode } from "../cmdline/node-names.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import type { Nodes } from "./records.ts";

/** QEMU renames no nodes: a disk that was moved has the other pair of names, and the first again after another move. */
const OTHER = "-2";

/** The node that the disk's device uses now; undefined when that is none of ours. */
export async function rootNode(qmp: QmpConnection, disk: string): Promise<string | undefined> {
  const names = (await qmp.execute("query-block")).flatMap((b) => b.inserted?.["node-name"] ?? []);
  return names.find((name) => targetOfNode(name) === disk);
}

/** The names of a disk's nodes with that root, and of those that a move makes. */
export function nodesOf(disk: string, root: string): { readonly now: Nodes; readonly next: Nodes } {
  const first = { format: formatNodeName(disk), storage: storageNodeName(disk) };
  const other = { format: `${first.format}${OTHER}`, storage: `${first.storage}${OTHER}` };
  return root === first.format ? { now: first, next: other } : { now: other, next: first };
}
