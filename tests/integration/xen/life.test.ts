import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { XenHost } from "./xen-host.ts";

jest.setTimeout(180_000);

describe("guests of a real Xen", () => {
  let xen: XenHost;
  beforeAll(async () => {
    xen = await XenHost.start();
  }, 300_000);
  afterAll(() => xen[Symbol.asyncDispose](), 60_000);

  it("start, stand still, go on, boot again and shut down, each told when it happens", async () => {
    await using watching = await xen.watch();
    await xen.define(xen.xml("tour"));
    const started = await xen.start("tour");
    expect(started).toMatchObject({ state: DomainState.DOMAIN_STATE_RUNNING, uri: "xen://host-x/system" });
    await xen.suspend("tour");
    expect(await xen.get("tour")).toMatchObject({ state: DomainState.DOMAIN_STATE_PAUSED });
    await xen.resume("tour");
    for (const what of ["defined added", "started booted", "suspended paused", "resumed unpaused"])
      expect(await watching.next()).toBe(`tour ${what}`);
    await xen.up("tour");
    await xen.reboot("tour");
    expect(await watching.next()).toBe("tour rebooted");
    const rebooted = await xen.get("tour");
    expect(rebooted.id).toBeGreaterThan(started.id);
    await xen.up("tour", 2);
    await xen.shutdown("tour");
    expect(await watching.next()).toBe("tour stopped shutdown");
    expect(await xen.get("tour")).toMatchObject({
      state: DomainState.DOMAIN_STATE_SHUTOFF,
      stateReason: "shutdown",
      id: 0,
    });
    expect(await xen.domains()).not.toContain("tour");
    await xen.undefine("tour");
  });

  it("are told to have ended when somebody else ends them, and when their system crashes", async () => {
    await using watching = await xen.watch();
    await xen.define(xen.xml("ends"));
    expect(await watching.next()).toBe("ends defined added");
    await xen.start("ends");
    await xen.machine.exec(["xl", "destroy", "ends"]);
    expect([await watching.next(), await watching.next()]).toEqual([
      "ends started booted",
      "ends stopped destroyed",
    ]);
    await xen.start("ends");
    await xen.up("ends", 1);
    await xen.machine.exec(["xl", "sysrq", "ends", "c"]);
    expect([await watching.next(), await watching.next()]).toEqual([
      "ends started booted",
      "ends stopped crashed",
    ]);
    expect(await xen.get("ends")).toMatchObject({ stateReason: "crashed", id: 0 });
    await xen.undefine("ends");
  });

  it("are taken up by the next agent when one is killed, and those that ended meanwhile are told", async () => {
    for (const name of ["stays", "goes"]) await xen.define(xen.xml(name));
    const stays = await xen.start("stays", true);
    await xen.start("goes", true);
    await xen.machine.exec(["sh", "-c", "kill -9 $(pidof node)"]);
    await xen.host.agent.exited;
    await xen.machine.exec(["xl", "destroy", "goes"]);
    await xen.host.agent.restart();
    await xen.mesh.complete();
    expect(await xen.get("stays")).toMatchObject({
      state: DomainState.DOMAIN_STATE_PAUSED,
      id: stays.id,
      startTime: stays.startTime,
    });
    expect(await xen.get("goes")).toMatchObject({ state: DomainState.DOMAIN_STATE_SHUTOFF, id: 0 });
    await using watching = await xen.watch();
    await xen.resume("stays");
    await xen.destroy("stays");
    expect([await watching.next(), await watching.next()]).toEqual([
      "stays resumed unpaused",
      "stays stopped destroyed",
    ]);
    for (const name of ["stays", "goes"]) await xen.undefine(name);
  });
});
