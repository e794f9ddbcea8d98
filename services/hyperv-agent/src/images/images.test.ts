import { formatOf, isPathOfDisk } from "./images.ts";

describe("a virtual hard disk", () => {
  it.each(["C:\\VMs\\web.vhdx", "d:\\a b\\c.VHD", "\\\\files\\vms\\web.vhdx"])("can lie at %s", (path) =>
    expect(isPathOfDisk(path)).toBe(true),
  );

  it.each([
    ...[
      "web.vhdx",
      "/VMs/web.vhdx",
      "C:web.vhdx",
      "C:\\VMs\\web.img",
      "C:\\VMs\\..\\web.vhdx",
      "C:\\\\web.vhdx",
    ],
    ...[
      "C:\\VMs\\we?b.vhdx",
      "C:\\VMs\\a\nb.vhdx",
      "C:\\VMs\\a:stream.vhdx",
      "\\\\files",
      "C:\\VMs\\x_1.avhdx",
    ],
  ])("does not lie at %j", (path) => expect(isPathOfDisk(path)).toBe(false));

  it("has its format by its name", () => {
    expect(["C:\\a.vhdx", "C:\\a.VHD", "C:\\a_1.avhdx", "C:\\a.iso"].map(formatOf)).toEqual([
      ...["vhdx", "vhd", "vhdx", ""],
    ]);
  });
});
