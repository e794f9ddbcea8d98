import { readdir } from "node:fs/promises";
import { run } from "@virtmesh/lab/process";
import { call, failure, guestXml, QemuHostFixture } from "./support.ts";

jest.setTimeout(120_000);

describe("a QEMU that hangs", () => {
  it("delays nobody who reads, fails who changes it, and can be ended", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    process.kill(await host.pid(), "SIGSTOP");
    expect(host.domains.stats()[0]).toMatchObject({ state: "paused" });
    expect(host.domains.find("web")?.state).toBe("paused");
    const e = await failure(host.domains.resume(uuid, { ...call, signal: AbortSignal.timeout(200) }));
    expect(e.message).toContain('"web"');
    await host.domains.destroy(uuid, call);
    expect(host.domains.find("web")).toMatchObject({ state: "shutoff", stateReason: "destroyed" });
  });

  it("keeps no other guest from being taken up by a new agent", async () => {
    await using host = await QemuHostFixture.open();
    const [hangs] = await Promise.all(["hangs", "lives"].map((name) => host.define(guestXml(name))));
    for (const { uuid } of host.domains.list()) await host.domains.start(uuid, { paused: true }, call);
    const status = (await host.statuses()).find(({ uuid }) => uuid === hangs);
    process.kill(status?.process?.pid ?? 0, "SIGSTOP");
    await host.stop();
    await host.start();
    expect(host.domains.list().map((d) => d.state)).toEqual(["paused", "paused"]);
    const lives = host.domains.find("lives");
    if (lives) await host.domains.resume(lives.uuid, call);
    expect(host.domains.find("lives")?.state).toBe("running");
  });
});

describe("network cards", () => {
  it("are connected to a bridge of the host, and leave nothing behind", async () => {
    const bridge = `vmt${process.pid % 100_000}`;
    await run(["ip", "link", "add", bridge, "type", "bridge"]);
    try {
      await using host = await QemuHostFixture.open();
      const nic = `<interface type='bridge'><source bridge='${bridge}'/><model type='virtio'/></interface>`;
      const uuid = await host.define(guestXml("web", nic));
      const mac = host.domains.find("web")?.interfaces[0]?.mac;
      await host.domains.start(uuid, { paused: true }, call);
      const device = host.domains.find("web")?.interfaces[0]?.device ?? "";
      expect(await readdir(`/sys/class/net/${bridge}/brif`)).toEqual([device]);
      await host.domains.destroy(uuid, call);
      expect(await readdir("/sys/class/net")).not.toContain(device);
      expect(mac).toMatch(/^52:54:00:/);
    } finally {
      await run(["ip", "link", "delete", bridge]);
    }
  });

  it("that no agent can make are refused with the remedy", async () => {
    await using host = await QemuHostFixture.open();
    const nic = "<interface type='network'><source network='default'/><model type='virtio'/></interface>";
    const uuid = await host.define(guestXml("web", nic));
    const e = await failure(host.domains.start(uuid, { paused: true }, call));
    expect(e.reason).toBe("CONFIG_UNSUPPORTED");
    expect(e.message).toContain("bridge");
    expect(await host.statuses()).toEqual([]);
  });
});
