import { access, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService,
  UpdateDeviceRequest,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import { DomainServiceService as D, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { AddressSource, GuestInfoServiceService } from "@virtmesh/api/gen/virtmesh/v1/guest_info";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import {
  ResourceServiceService,
  SetMemoryRequest,
  SetVcpusRequest,
} from "@virtmesh/api/gen/virtmesh/v1/resource";
import {
  CreateSnapshotRequest,
  RevertSnapshotRequest,
  RevertState,
  SnapshotServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/snapshot";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { isAlive } from "@virtmesh/agent/machine/process-stat";
import { run } from "@virtmesh/lab/process";
import { ContainerHost } from "./containers.ts";

jest.setTimeout(150_000);

describe("containers of LXC on a host", () => {
  let lxc: ContainerHost;
  beforeAll(async () => {
    lxc = await ContainerHost.start();
  }, 90_000);
  afterAll(() => lxc[Symbol.asyncDispose](), 60_000);

  const by = (domain: string) => ({ uri: lxc.host.uri, requestId: "", domain });
  const done = async (begin: Promise<Operation>): Promise<Operation> => {
    const { name } = await begin;
    const ended = await lxc.mesh.unary(OperationServiceService.waitOperation, {
      uri: lxc.host.uri,
      name,
      timeout: undefined,
    });
    if (ended.result?.$case === "error") throw new Error(ended.result.value.message);
    return ended;
  };
  const status = async (uuid: string): Promise<{ init: { pid: number; startTicks: number } }> =>
    JSON.parse(await readFile(join(lxc.host.runDir, "lxc", uuid, "status.json"), "utf8")) as {
      init: { pid: number; startTicks: number };
    };
  const cgroup = async (uuid: string, controller: string, file: string): Promise<string> =>
    (await readFile(`/sys/fs/cgroup/${controller}/lxc.payload.${uuid}/${file}`, "utf8")).trim();
  /** The process of LXC that guards a container. */
  const monitorOf = async (uuid: string): Promise<number> => {
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (line.startsWith("[lxc monitor]") && line.includes(uuid)) return Number(pid);
    }
    throw new Error(`nobody guards ${uuid}`);
  };

  it("say by themselves that they stop, begin anew, and stand still", async () => {
    await using events = await lxc.watch("teller");
    const { id, uuid } = await lxc.container("teller");
    expect([await events.next(), await events.next()]).toEqual([
      "teller defined added",
      "teller started booted",
    ]);
    const before = (await status(uuid)).init.pid;
    await lxc.run("teller", "busybox hostname storyteller");
    const { uri } = lxc.host;
    const system = await lxc.mesh.unary(GuestInfoServiceService.getGuestInfo, { uri, domain: "teller" });
    expect(system.hostname).toBe("storyteller");
    await lxc.mesh.unary(D.suspendDomain, by("teller"));
    await lxc.mesh.unary(D.resumeDomain, by("teller"));
    expect([await events.next(), await events.next()]).toEqual([
      "teller suspended paused",
      "teller resumed unpaused",
    ]);
    await done(lxc.mesh.unary(D.rebootDomain, { ...by("teller"), timeout: { seconds: 20n, nanos: 0 } }));
    expect(await events.next()).toBe("teller rebooted");
    expect(await lxc.get("teller")).toMatchObject({ id, state: DomainState.DOMAIN_STATE_RUNNING });
    expect((await status(uuid)).init.pid).not.toBe(before);
    // Halted from inside: nobody outside asked.
    await lxc.run("teller", "(sleep 2; kill -USR2 1) >/dev/null 2>&1 &");
    expect(await events.next()).toBe("teller stopped shutdown");
    expect(await lxc.get("teller")).toMatchObject({
      state: DomainState.DOMAIN_STATE_SHUTOFF,
      stateReason: "shutdown",
    });
  });

  it("are crashed when their first process is killed, and when what guards them is, and nothing of them runs on", async () => {
    await using events = await lxc.watch("victim");
    const { uuid } = await lxc.container("victim");
    const first = (await status(uuid)).init.pid;
    process.kill(first, "SIGKILL");
    await events.next();
    await events.next();
    expect(await events.next()).toBe("victim stopped crashed");
    await lxc.start("victim");
    await events.next();
    const { pid, startTicks } = (await status(uuid)).init;
    process.kill(await monitorOf(uuid), "SIGKILL");
    expect(await events.next()).toMatch(/^victim stopped (crashed|unknown)$/);
    expect(isAlive(pid, startTicks)).toBe(false);
    expect(await readdir(join(lxc.host.runDir, "lxc"))).not.toContain(uuid);
    await lxc.start("victim");
    await lxc.mesh.unary(D.destroyDomain, by("victim"));
  });

  it("outlive their agent, and what became of them meanwhile is found", async () => {
    await using events = await lxc.watch("frozen");
    const [kept, frozen, gone] = [
      await lxc.container("kept"),
      await lxc.container("frozen"),
      await lxc.container("gone"),
    ];
    const pid = (await status(kept.uuid)).init.pid;
    await lxc.host.agent.kill("SIGKILL");
    const tool = async (name: string, uuid: string, ...more: readonly string[]): Promise<void> =>
      void (await lxc.host.namespace?.exec([name, "-P", join(lxc.host.runDir, "lxc"), "-n", uuid, ...more]));
    await tool("lxc-freeze", frozen.uuid);
    await tool("lxc-stop", gone.uuid, "--kill");
    await lxc.host.agent.restart();
    await lxc.mesh.complete();
    expect(await lxc.get("kept")).toMatchObject({
      id: kept.id,
      state: DomainState.DOMAIN_STATE_RUNNING,
      startTime: kept.startTime,
    });
    expect((await status(kept.uuid)).init.pid).toBe(pid);
    expect(await lxc.get("frozen")).toMatchObject({ state: DomainState.DOMAIN_STATE_PAUSED });
    expect(await lxc.get("gone")).toMatchObject({ state: DomainState.DOMAIN_STATE_SHUTOFF });
    await tool("lxc-unfreeze", frozen.uuid);
    // How it stood when it was taken up is no news.
    for (const what of ["defined added", "started booted", "resumed unpaused"])
      expect(await events.next()).toBe(`frozen ${what}`);
  });

  it("are heard again when LXC's monitor was killed", async () => {
    await using events = await lxc.watch("heard");
    await lxc.container("heard");
    expect([await events.next(), await events.next()]).toEqual([
      "heard defined added",
      "heard started booted",
    ]);
    const folder = join(lxc.host.runDir, "lxc");
    const { stdout } = await run(["pgrep", "-f", `lxc-monitord ${folder} `]);
    for (const pid of stdout.trim().split("\n")) process.kill(Number(pid), "SIGKILL");
    await lxc.mesh.unary(D.suspendDomain, by("heard"));
    expect(await events.next()).toBe("heard suspended paused");
  });

  it("reach each other over a bridge, and over cards that come and go while they run", async () => {
    const nic = (mac: string, address: string): string =>
      `<interface type='bridge'><mac address='${mac}'/><source bridge='lxbr'/><ip address='${address}' family='ipv4' prefix='24'/></interface>`;
    await lxc.container("left", { devices: nic("52:54:00:00:09:02", "10.99.0.2") });
    await lxc.container("right", { devices: nic("52:54:00:00:09:03", "10.99.0.3") });
    expect(await lxc.run("left", "busybox ping -c 1 -w 20 10.99.0.3")).toContain("1 packets received");
    const seen = await lxc.mesh.unary(GuestInfoServiceService.listDomainAddresses, {
      ...{ uri: lxc.host.uri, domain: "right" },
      source: AddressSource.ADDRESS_SOURCE_UNSPECIFIED,
    });
    expect(seen.interfaces).toMatchObject([
      {
        name: "eth0",
        mac: "52:54:00:00:09:03",
        addresses: expect.arrayContaining([{ address: "10.99.0.3", prefix: 24 }]),
      },
    ]);
    const { stats } = await lxc.mesh.unary(D.listDomainStats, {
      uri: lxc.host.uri,
      domains: ["left"],
      pageSize: 0,
      pageToken: "",
    });
    expect(stats[0]?.interfaces).toMatchObject([{ mac: "52:54:00:00:09:02" }]);
    expect(stats[0]?.interfaces[0]?.receivePackets).toBeGreaterThan(0n);
    const xml = nic("52:54:00:00:09:04", "10.99.0.4");
    await done(
      lxc.mesh.unary(
        DeviceServiceService.attachDevice,
        AttachDeviceRequest.fromPartial({ ...by("left"), xml }),
      ),
    );
    expect(await lxc.run("left", "busybox ping -c 1 -w 20 -I 10.99.0.4 10.99.0.1")).toContain(
      "1 packets received",
    );
    const link = async (state: string): Promise<string> => {
      const changed = xml.replace("</interface>", `<link state='${state}'/></interface>`);
      const request = UpdateDeviceRequest.fromPartial({ ...by("left"), xml: changed });
      await done(lxc.mesh.unary(DeviceServiceService.updateDevice, request));
      return await lxc.run("left", "busybox ip link show eth1");
    };
    expect(await link("down")).not.toContain("LOWER_UP");
    expect(await link("up")).toContain("LOWER_UP");
    const device = { $case: "target" as const, value: "52:54:00:00:09:04" };
    await done(
      lxc.mesh.unary(
        DeviceServiceService.detachDevice,
        DetachDeviceRequest.fromPartial({ ...by("left"), device }),
      ),
    );
    expect(await lxc.run("left", "busybox ip address")).not.toContain("10.99.0.4");
  });

  it("are limited by the kernel, and their limits change while they run", async () => {
    const { uuid } = await lxc.container("small");
    expect(await cgroup(uuid, "memory", "memory.limit_in_bytes")).toBe(String(64 << 20));
    expect(await cgroup(uuid, "cpu", "cpu.cfs_quota_us")).toBe("200000");
    const memoryBytes = 16n << 20n;
    await done(
      lxc.mesh.unary(
        ResourceServiceService.setMemory,
        SetMemoryRequest.fromPartial({ ...by("small"), memoryBytes, live: true }),
      ),
    );
    expect(await cgroup(uuid, "memory", "memory.limit_in_bytes")).toBe(String(memoryBytes));
    await done(
      lxc.mesh.unary(
        ResourceServiceService.setVcpus,
        SetVcpusRequest.fromPartial({ ...by("small"), vcpus: 1, live: true }),
      ),
    );
    expect(await cgroup(uuid, "cpu", "cpu.cfs_quota_us")).toBe("100000");
    // 32 MiB of memory that must not be found there.
    expect(
      await lxc.run("small", "dd if=/dev/zero of=/run/much bs=1048576 count=32 2>/dev/null || echo too much"),
    ).toMatch(/too much|Killed/);
    expect(await lxc.get("small")).toMatchObject({ state: DomainState.DOMAIN_STATE_RUNNING, memoryBytes });
  });

  it("have disks that they can read and write", async () => {
    const image = join(lxc.mesh.dir, "disk.img");
    await writeFile(image, Buffer.alloc(1 << 20));
    const disk = `<disk type='file'><driver name='loop' type='raw'/><source file='${image}'/><target dev='vda' bus='virtio'/></disk>`;
    await lxc.container("writer", { devices: disk });
    await lxc.run("writer", "echo written by a container | dd of=/dev/vda conv=fsync 2>/dev/null");
    await lxc.mesh.unary(D.destroyDomain, by("writer"));
    expect((await readFile(image)).subarray(0, 22).toString()).toBe("written by a container");
    expect((await run(["losetup", "--associated", image])).stdout).toBe("");
  });

  it("share one system and keep their changes apart, and go back to a snapshot of them", async () => {
    const base = await lxc.root();
    const upper = join(lxc.mesh.dir, "upper");
    await run(["mkdir", "-p", upper]);
    const head = `<metadata><overlay xmlns='https://virtmesh.dev/lxc/1' upper='${upper}'/></metadata>`;
    await lxc.container("layered", { root: base, head });
    await lxc.run("layered", "echo good > /var/state");
    await done(
      lxc.mesh.unary(
        SnapshotServiceService.createSnapshot,
        CreateSnapshotRequest.fromPartial({ ...by("layered"), name: "good" }),
      ),
    );
    await lxc.run("layered", "echo bad > /var/state");
    await expect(access(join(base, "var/state"))).rejects.toThrow();
    const state = RevertState.REVERT_STATE_RUNNING;
    await done(
      lxc.mesh.unary(
        SnapshotServiceService.revertSnapshot,
        RevertSnapshotRequest.fromPartial({ ...by("layered"), snapshot: "good", state }),
      ),
    );
    expect(await lxc.run("layered", "cat /var/state")).toMatch(/^good$/m);
  });
});
