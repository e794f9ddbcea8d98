/** QEMU renames no nodes: a disk that was moved while its guest ran has the second pair of names. */
const SECOND = "-2";

/** Name of the node that a disk's device uses: jobs, exports and migrations address the disk by it. */
export function formatNodeName(target: string, second = false): string {
  return `disk-${target}-format${second ? SECOND : ""}`;
}

/** Name of the node below it, which opens the file. */
export function storageNodeName(target: string, second = false): string {
  return `disk-${target}-storage${second ? SECOND : ""}`;
}

/** Target of the disk whose node that is; undefined for any other node. */
export function targetOfNode(node: string): string | undefined {
  return /^disk-(.+)-(?:format|storage)(?:-2)?$/.exec(node)?.[1];
}
