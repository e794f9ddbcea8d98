import { snapshotTree } from "./snapshot-tree.ts";

describe("the tree of snapshots", () => {
  it("has each child below its parent, with a branch to it", () => {
    const all = [
      { name: "fresh", parent: "" },
      { name: "installed", parent: "fresh" },
      { name: "patched", parent: "installed" },
      { name: "broken", parent: "installed" },
      { name: "other", parent: "fresh" },
      { name: "second root", parent: "" },
    ];
    expect(snapshotTree(all)).toEqual([
      "fresh",
      "  +- installed",
      "  |   +- patched",
      "  |   `- broken",
      "  `- other",
      "second root",
    ]);
  });

  it("shows a snapshot whose parent is not there as a root", () => {
    expect(snapshotTree([{ name: "orphan", parent: "gone" }])).toEqual(["orphan"]);
  });
});
