import { readNode } from "../vim/node.ts";
import { filesOf, nameInDatastore } from "./files.ts";

const results = (folder: string) =>
  readNode(`<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><folderPath>${folder}</folderPath>
    <file xsi:type="FolderFileInfo"><path>web</path></file>
    <file xsi:type="VmDiskFileInfo"><path>web.vmdk</path><fileSize>4096</fileSize>
      <modification>2026-01-02T03:04:05Z</modification><capacityKb>1024</capacityKb></file>
    <file xsi:type="IsoImageFileInfo"><path>a.iso</path><fileSize>7</fileSize></file>
    <file xsi:type="VmDiskFileInfo"><path>stray.vmdk</path><fileSize>300</fileSize></file></r>`);

describe("files of a datastore", () => {
  it.each([
    ["[ds 1]", ""],
    ["[ds 1] ", ""],
    ["[ds 1] web/", "web/"],
    ["[ds 1] web", "web/"],
    ["[ds 1]/web", "web/"],
    ["[ds 1] a/b/", "a/b/"],
  ])("in %s are named from its root, folders left out", (folder, prefix) => {
    expect(filesOf("ds 1", results(folder)).map(({ volume }) => volume.name)).toEqual([
      `${prefix}web.vmdk`,
      `${prefix}a.iso`,
      `${prefix}stray.vmdk`,
    ]);
  });

  it("have the capacity that a guest sees, or their length", () => {
    const [disk, medium, stray] = filesOf("ds 1", results("[ds 1] web"));
    expect(disk).toMatchObject({
      isDisk: true,
      volume: {
        path: "[ds 1] web/web.vmdk",
        format: "vmdk",
        capacityBytes: 1n << 20n,
        allocationBytes: 4096n,
      },
    });
    expect(disk?.volume.modifyTimeMs).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(medium).toMatchObject({ isDisk: false, volume: { format: "iso", capacityBytes: 7n } });
    expect(stray).toMatchObject({ isDisk: false });
  });

  it.each([
    ["web/web.vmdk", "web/web.vmdk"],
    ["[ds 1] web/web.vmdk", "web/web.vmdk"],
    ["[ds 1]web.vmdk", "web.vmdk"],
    ["[other] web.vmdk", undefined],
  ])("are meant by %s", (ref, name) => {
    expect(nameInDatastore("ds 1", ref)).toBe(name);
  });
});
