import { mkdirSync, mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allFolders, fileOf, placesIn } from "./places.ts";
import { disksOfFirst, readUsage } from "./usage.ts";

const FIRST = `33 25 0:29 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
34 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 25 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`;

describe("the control groups of a container", () => {
  it("are a folder for each controller in the first version", () => {
    const places = placesIn(
      "9:cpu,cpuacct:/lxc.payload.a\n4:memory:/lxc.payload.a\n0::/lxc.payload.a\n",
      FIRST,
    );
    expect(places.version).toBe(1);
    expect(fileOf(places, "memory", "memory.limit_in_bytes")).toBe(
      "/sys/fs/cgroup/memory/lxc.payload.a/memory.limit_in_bytes",
    );
    expect(fileOf(places, "cpuacct", "cpuacct.usage")).toBe(
      "/sys/fs/cgroup/cpu,cpuacct/lxc.payload.a/cpuacct.usage",
    );
    expect(fileOf(places, "blkio", "x")).toBeUndefined();
  });

  it("are one folder for all in the second", () => {
    const places = placesIn(
      "0::/system.slice/lxc.payload.a\n",
      "30 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate",
    );
    expect(places.version).toBe(2);
    expect(fileOf(places, "memory", "memory.max")).toBe(
      "/sys/fs/cgroup/system.slice/lxc.payload.a/memory.max",
    );
  });

  it("are found below a mount of a part of the tree", () => {
    const places = placesIn(
      "4:memory:/docker/x/lxc.payload.a\n",
      "33 25 0:29 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    );
    expect(fileOf(places, "memory", "m")).toBe("/sys/fs/cgroup/memory/lxc.payload.a/m");
  });

  it("are those of a container as a whole, whatever it has made of them inside", () => {
    const mounts = "30 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate";
    for (const inside of ["", "/init.scope", "/system.slice/web.service"]) {
      const places = placesIn(`0::/lxc.payload.a${inside}\n`, mounts, "a");
      expect(fileOf(places, "memory", "memory.max")).toBe("/sys/fs/cgroup/lxc.payload.a/memory.max");
    }
    expect(allFolders(placesIn("0::/lxc.payload.a-1/init.scope\n", mounts, "a"))).toEqual([
      "/sys/fs/cgroup/lxc.payload.a-1",
      "/sys/fs/cgroup/lxc.monitor.a-1",
    ]);
  });

  it("tell what was used, in either version", () => {
    using dir = mkdtempDisposableSync(join(tmpdir(), "cgroup-"));
    const put = (file: string, text: string): void => {
      mkdirSync(join(dir.path, "c"), { recursive: true });
      writeFileSync(join(dir.path, "c", file), text);
    };
    put("cpu.stat", "usage_usec 1500\nuser_usec 1000\n");
    put("memory.current", "4096\n");
    put("io.stat", "7:0 rbytes=512 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n");
    const second = { version: 2 as const, folders: new Map([["", join(dir.path, "c")]]) };
    expect(readUsage(second)).toEqual({
      cpuTimeNs: 1_500_000n,
      memoryBytes: 4096n,
      disks: new Map([["7:0", { readBytes: 512n, writeBytes: 0n, readRequests: 1n, writeRequests: 0n }]]),
    });
    put("cpuacct.usage", "77\n");
    put("memory.usage_in_bytes", "8192\n");
    const first = {
      version: 1 as const,
      folders: new Map(["cpuacct", "memory", "blkio"].map((c) => [c, join(dir.path, "c")])),
    };
    expect(readUsage(first)).toMatchObject({ cpuTimeNs: 77n, memoryBytes: 8192n });
    expect(
      disksOfFirst("7:0 Read 10\n7:0 Write 20\nTotal 30\n", "7:0 Read 1\n7:0 Write 2\n").get("7:0"),
    ).toEqual({ readBytes: 10n, writeBytes: 20n, readRequests: 1n, writeRequests: 2n });
  });
});
