import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { call, guestXml, QemuHostFixture } from "./support.ts";

jest.setTimeout(120_000);

describe("an agent that is started anew", () => {
  it("takes up the guests that run, as they were", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: false }, call);
    await host.domains.suspend(uuid, call);
    const before = host.domains.find("web");
    await host.stop();
    host.events.length = 0;
    await host.start();
    expect(host.domains.find("web")).toEqual(before);
    await host.domains.resume(uuid, call);
    await host.domains.destroy(uuid, call);
    expect(host.told()).toEqual(["resumed unpaused", "stopped destroyed"]);
  });

  it("keeps definitions and what starts by itself", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.setAutostart(uuid, true, call);
    await host.stop();
    await host.start();
    expect(host.domains.find("web")).toMatchObject({
      uuid,
      autostart: true,
      state: "shutoff",
      persistent: true,
    });
  });

  it("tells of a guest that was killed meanwhile", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    const pid = await host.pid();
    await host.stop();
    host.events.length = 0;
    process.kill(pid, "SIGKILL");
    await ended(pid);
    await host.start();
    await host.until("stopped crashed*");
    expect(host.domains.find("web")).toMatchObject({ state: "shutoff", stateReason: "crashed" });
    expect(await host.statuses()).toEqual([]);
  });

  it("tells of a guest that ended in order meanwhile", async () => {
    await using host = await QemuHostFixture.open();
    const { uuid } = await host.domains.create(host.domains.parse(guestXml("once")), { paused: true }, call);
    const pid = await host.pid();
    await host.stop();
    process.kill(pid, "SIGTERM");
    await ended(pid);
    await host.start();
    await host.until("stopped shutdown*");
    expect(host.domains.find(uuid)).toBeUndefined();
  });

  it("notices at once when a guest that it took up is killed", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    await host.stop();
    await host.start();
    process.kill(await host.pid(), "SIGKILL");
    await host.until("stopped crashed");
    await host.domains.start(uuid, { paused: true }, call);
  });

  it("never touches a process that got the pid of a guest", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    const pid = await host.pid();
    await host.stop();
    process.kill(pid, "SIGKILL");
    await ended(pid);
    const path = join(host.dir, "run", "qemu", uuid, "status.json");
    const status = JSON.parse(await readFile(path, "utf8")) as {
      process: { pid: number; startTicks: number };
    };
    await writeFile(path, JSON.stringify({ ...status, process: { ...status.process, pid: process.pid } }));
    await host.start();
    await host.until("stopped crashed*");
  });

  it("ends a QEMU whose start no agent finished", async () => {
    await using host = await QemuHostFixture.open();
    const uuid = await host.define(guestXml("web"));
    await host.domains.start(uuid, { paused: true }, call);
    const pid = await host.pid();
    await host.stop();
    const path = join(host.dir, "run", "qemu", uuid, "status.json");
    const { process: _, ...unfinished } = JSON.parse(await readFile(path, "utf8")) as { process: unknown };
    await writeFile(path, JSON.stringify(unfinished));
    await host.start();
    expect(isThere(pid)).toBe(false);
    expect(host.domains.find("web")).toMatchObject({ state: "shutoff" });
  });
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** QEMU is a child of this process: its entry goes when Node has collected it. */
async function ended(pid: number): Promise<void> {
  while (isThere(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}
