/** Name of the node that a disk's device uses: jobs, exports and migrations address the disk by it. */
export function formatNodeName(target: string): string {
  return `disk-${target}-format`;
}

/** Name of the node below it, which opens the file. */
export function storageNodeName(target: string): string {
  return `disk-${target}-storage`;
}

/** Target of the disk whose node that is; undefined for any other node. */
export function targetOfNode(node: string): string | undefined {
  // The second pair of names is that of a disk that was moved while its guest ran.
  return /^disk-(.+)-(?:format|storage)(?:-2)?$/.exec(node)?.[1];
}
