import { readMounts } from "./hugepages.ts";

describe("the host's file systems of huge pages", () => {
  it("are those that say the size of their pages", () => {
    const mounts = [
      "tmpfs /run tmpfs rw,nosuid 0 0",
      "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0",
      "none /mnt/huge\\040one hugetlbfs rw,pagesize=1024M 0 0",
    ].join("\n");
    expect(readMounts(mounts)).toEqual([
      { path: "/dev/hugepages", pageBytes: 2n * 1024n ** 2n },
      { path: "/mnt/huge one", pageBytes: 1024n ** 3n },
    ]);
  });
});
