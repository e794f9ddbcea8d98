import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import {
  DomainServiceService as D,
  type DomainStats,
  DomainState,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import {
  ResourceServiceService,
  SetMemoryRequest,
  SetVcpusRequest,
} from "@virtmesh/api/gen/virtmesh/v1/resource";
import { ContainerHost } from "./containers.ts";

/** An emulated processor is slow, and slower on a busy computer. */
jest.setTimeout(240_000);

const MIB = 1n << 20n;

describe("containers on a host whose control groups are all of the second version", () => {
  let lxc: ContainerHost;
  beforeAll(async () => {
    lxc = await ContainerHost.emulated();
  }, 500_000);
  afterAll(() => lxc[Symbol.asyncDispose](), 60_000);

  const by = (domain: string) => ({ uri: lxc.host.uri, requestId: "", domain });
  /** What came of it: nothing, or why it failed. */
  const outcome = async (begin: Promise<Operation>): Promise<string> => {
    const { name } = await begin;
    const { result } = await lxc.mesh.unary(O.waitOperation, { uri: lxc.host.uri, name, timeout: undefined });
    return result?.$case === "error" ? result.value.message : "";
  };
  const setMemory = (domain: string, memoryBytes: bigint): Promise<string> => {
    const request = SetMemoryRequest.fromPartial({ ...by(domain), memoryBytes, live: true });
    return outcome(lxc.mesh.unary(ResourceServiceService.setMemory, request));
  };
  const group = async (uuid: string, file: string): Promise<string> =>
    (await lxc.exec(["cat", `/sys/fs/cgroup/lxc.payload.${uuid}/${file}`])).trim();
  const stats = async (domain: string): Promise<DomainStats> => {
    const request = { uri: lxc.host.uri, domains: [domain], pageSize: 0, pageToken: "" };
    const [found] = (await lxc.mesh.unary(D.listDomainStats, request)).stats;
    if (found === undefined) throw new Error(`${domain} has no statistics`);
    return found;
  };
  const image = async (name: string): Promise<string> => {
    const path = `${lxc.host.imageDir}/${name}.img`;
    await lxc.exec(["truncate", "-s", "1M", path]);
    return `<disk type='file'><driver name='loop' type='raw'/><source file='${path}'/><target dev='${name}' bus='virtio'/></disk>`;
  };

  it("have their limits from the start on, and others while they run", async () => {
    const { uuid } = await lxc.container("limited");
    expect([await group(uuid, "memory.max"), await group(uuid, "cpu.max")]).toEqual([
      String(64n * MIB),
      "200000 100000",
    ]);
    expect(await setMemory("limited", 16n * MIB)).toBe("");
    const { setVcpus } = ResourceServiceService;
    const request = SetVcpusRequest.fromPartial({ ...by("limited"), vcpus: 1, live: true });
    expect(await outcome(lxc.mesh.unary(setVcpus, request))).toBe("");
    expect([await group(uuid, "memory.max"), await group(uuid, "cpu.max")]).toEqual([
      String(16n * MIB),
      "100000 100000",
    ]);
    expect(await lxc.get("limited")).toMatchObject({ memoryBytes: 16n * MIB, vcpus: 1 });
    // It sees its own groups, and its limits are not its to change.
    await lxc.run("limited", "echo max > /sys/fs/cgroup/memory.max");
    expect(await group(uuid, "memory.max")).toBe(String(16n * MIB));
    // 32 MiB of memory that must not be found there.
    expect(
      await lxc.run(
        "limited",
        "dd if=/dev/zero of=/run/much bs=1048576 count=32 2>/dev/null || echo too much",
      ),
    ).toMatch(/too much|Killed/);
    expect(await lxc.get("limited")).toMatchObject({ state: DomainState.DOMAIN_STATE_RUNNING });
  });

  it("are not given less memory than they need: the kernel would end their processes for it", async () => {
    const { uuid } = await lxc.container("full");
    await lxc.run("full", "dd if=/dev/zero of=/run/kept bs=1048576 count=32 2>/dev/null");
    expect(await setMemory("full", 16n * MIB)).toMatch(
      /^the kernel does not set memory.max of container "full" to 16777216: \d+ bytes are in use/,
    );
    expect(await group(uuid, "memory.max")).toBe(String(64n * MIB));
    await lxc.run("full", "busybox rm /run/kept");
    expect(await setMemory("full", 16n * MIB)).toBe("");
    expect(await group(uuid, "memory.events")).toContain("oom_kill 0");
  });

  it("tell what they use", async () => {
    await lxc.container("busy", { devices: await image("vda") });
    await lxc.run("busy", "dd if=/dev/zero of=/dev/vda bs=65536 count=4 conv=fsync 2>/dev/null");
    const before = await stats("busy");
    expect(before.blocks).toMatchObject([{ target: "vda", capacityBytes: MIB }]);
    expect(before.blocks[0]?.writeBytes).toBeGreaterThanOrEqual(4n * 65_536n);
    expect(before.rssBytes ?? 0n).toBeGreaterThan(0n);
    expect(before.rssBytes).toBeLessThan(64n * MIB);
    await lxc.run("busy", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
    expect((await stats("busy")).cpuTimeNs).toBeGreaterThan(before.cpuTimeNs ?? 0n);
  });

  it("stand still and go on", async () => {
    await using events = await lxc.watch("still");
    const { uuid } = await lxc.container("still");
    await lxc.mesh.unary(D.suspendDomain, by("still"));
    expect(await group(uuid, "cgroup.events")).toContain("frozen 1");
    await lxc.mesh.unary(D.resumeDomain, by("still"));
    expect(await group(uuid, "cgroup.events")).toContain("frozen 0");
    for (const what of ["defined added", "started booted", "suspended paused", "resumed unpaused"])
      expect(await events.next()).toBe(`still ${what}`);
  });

  it("may use their own disks and no others, which come and go while they run", async () => {
    const { uuid } = await lxc.container("plug", { devices: await image("vdb") });
    const write = (target: string): Promise<string> =>
      lxc.run("plug", `dd if=/dev/zero of=/dev/${target} count=1 conv=fsync 2>/dev/null && echo do""ne`);
    expect(await write("vdb")).toMatch(/^done$/m);
    const about = { ...by("plug"), live: true };
    const xml = await image("vdc");
    const { attachDevice, detachDevice } = DeviceServiceService;
    const attach = AttachDeviceRequest.fromPartial({ ...about, xml });
    expect(await outcome(lxc.mesh.unary(attachDevice, attach))).toBe("");
    expect(await write("vdc")).toMatch(/^done$/m);
    const loops = ["losetup", "--noheadings", "--output", "NAME,MAJ:MIN,BACK-FILE"];
    const [, major = "", minor = ""] = /(\d+):(\d+)\s+\S+vdc\.img/.exec(await lxc.exec(loops)) ?? [];
    const pid = (await lxc.exec(["lxc-info", "-P", `${lxc.host.runDir}/lxc`, "-n", uuid, "-pH"])).trim();
    // Another node of the same device: what says no is not that the first is gone.
    await lxc.exec(["mknod", `/proc/${pid}/root/dev/other`, "b", major, minor]);
    expect(await write("other")).toMatch(/^done$/m);
    const device = { $case: "target" as const, value: "vdc" };
    const detach = DetachDeviceRequest.fromPartial({ ...about, device });
    expect(await outcome(lxc.mesh.unary(detachDevice, detach))).toBe("");
    expect(await write("other")).not.toMatch(/^done$/m);
    expect(await lxc.run("plug", "cat /dev/other")).toContain("Operation not permitted");
    expect(await write("vdb")).toMatch(/^done$/m);
    expect(await lxc.exec(loops)).not.toContain("vdc.img");
  });

  it("are changed as a whole by the next agent too, whatever groups they have made in themselves", async () => {
    const { uuid } = await lxc.container("nested");
    await lxc.run(
      "nested",
      "busybox mkdir /sys/fs/cgroup/init.scope && echo 1 > /sys/fs/cgroup/init.scope/cgroup.procs",
    );
    expect(await group(uuid, "init.scope/cgroup.procs")).not.toBe("");
    await lxc.exec(["sh", "-c", "kill -9 $(pidof node)"]);
    await lxc.host.agent.exited;
    await lxc.host.agent.restart();
    await lxc.mesh.complete();
    expect(await setMemory("nested", 32n * MIB)).toBe("");
    expect(await group(uuid, "memory.max")).toBe(String(32n * MIB));
    await lxc.mesh.unary(D.destroyDomain, by("nested"));
    expect(await lxc.exec(["ls", "/sys/fs/cgroup"])).not.toContain(uuid);
  });
});
