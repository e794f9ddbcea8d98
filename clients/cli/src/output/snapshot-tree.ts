/** What of a snapshot its place in the tree needs. */
interface Node {
  readonly name: string;
  readonly parent: string;
}

/** Lines of a tree as virsh draws it: a root, its children below it, each with a branch to its parent. */
export function snapshotTree(all: readonly Node[]): readonly string[] {
  const names = new Set(all.map((node) => node.name));
  const below = Map.groupBy(all, (node) => (names.has(node.parent) ? node.parent : ""));
  const children = (of: Node, indent: string): string[] =>
    (below.get(of.name) ?? []).flatMap((child, i, siblings) => {
      const last = i === siblings.length - 1;
      return [
        `${indent}${last ? "`" : "+"}- ${child.name}`,
        ...children(child, `${indent}${last ? "    " : "|   "}`),
      ];
    });
  return (below.get("") ?? []).flatMap((root) => [root.name, ...children(root, "  ")]);
}
