import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  ResourceServiceService,
  SetMemoryRequest,
  SetVcpusRequest,
} from "@virtmesh/api/gen/virtmesh/v1/resource";
import {
  ManagedSaveDomainRequest,
  RestoreDomainRequest,
  SaveDomainRequest,
  SavedStateServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/saved_state";
import { LONG, XenHost } from "./xen-host.ts";

jest.setTimeout(400_000);

describe("guests of a real Xen", () => {
  let xen: XenHost;
  beforeAll(async () => {
    xen = await XenHost.start();
  }, 500_000);
  afterAll(() => xen[Symbol.asyncDispose](), 60_000);

  it("start, stand still, go on, boot again and shut down, each told when it happens", async () => {
    await using watching = await xen.watch("tour");
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
    await using watching = await xen.watch("ends");
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
    await using watching = await xen.watch("stays");
    for (const name of ["stays", "goes"]) await xen.define(xen.xml(name));
    const stays = await xen.start("stays", true);
    await xen.start("goes", true);
    await xen.killAgent();
    await xen.machine.exec(["xl", "destroy", "goes"]);
    await xen.restartAgent();
    expect(await xen.get("stays")).toMatchObject({
      state: DomainState.DOMAIN_STATE_PAUSED,
      id: stays.id,
      startTime: stays.startTime,
    });
    expect(await xen.get("goes")).toMatchObject({ state: DomainState.DOMAIN_STATE_SHUTOFF, id: 0 });
    await xen.resume("stays");
    await xen.destroy("stays");
    for (const what of [
      ...["defined added", "started booted", "suspended paused"],
      ...["resumed unpaused", "stopped destroyed"],
    ])
      expect(await watching.next()).toBe(`stays ${what}`);
    for (const name of ["stays", "goes"]) await xen.undefine(name);
  });

  it("get and give back disks and cards while they run, and more or less memory and processors", async () => {
    await xen.machine.exec(["truncate", "-s", "4M", "/tmp/images/a.img", "/tmp/images/b.img"]);
    await xen.define(xen.xml("plug", { vcpus: "<vcpu current='1'>2</vcpu>", devices: disk("xvda", "a") }));
    await xen.start("plug");
    await xen.up("plug");
    const about = { uri: xen.uri, domain: "plug", live: true, timeout: LONG };
    const attach = (xml: string) =>
      xen.change(DeviceServiceService.attachDevice, AttachDeviceRequest.fromPartial({ ...about, xml }));
    const detach = (value: string) =>
      xen.change(
        DeviceServiceService.detachDevice,
        DetachDeviceRequest.fromPartial({ ...about, device: { $case: "target", value } }),
      );
    await attach(disk("xvdb", "b"));
    const mac = "00:16:3e:11:22:33";
    await attach(`<interface type='bridge'><mac address='${mac}'/><source bridge='xenbr0'/></interface>`);
    const plugged = async (list: string): Promise<number> =>
      (await xen.machine.exec(["xl", list, "plug"])).stdout.trim().split("\n").length - 1;
    expect([await plugged("block-list"), await plugged("network-list")]).toEqual([2, 1]);
    const stats = await xen.stats("plug");
    const capacityBytes = 4n << 20n;
    expect(stats?.blocks).toEqual(
      ["xvda", "xvdb"].map((target) => expect.objectContaining({ target, capacityBytes }) as unknown),
    );
    expect(stats?.interfaces).toEqual([expect.objectContaining({ mac })]);
    expect((await detach("xvdb")).disks.map(({ target }) => target)).toEqual(["xvda"]);
    expect((await detach(mac)).interfaces).toEqual([]);
    expect([await plugged("block-list"), await plugged("network-list")]).toEqual([1, 0]);
    const { setMemory, setVcpus } = ResourceServiceService;
    const memoryBytes = 72n << 20n;
    expect(
      await xen.change(setMemory, SetMemoryRequest.fromPartial({ ...about, memoryBytes })),
    ).toMatchObject({
      memoryBytes,
    });
    expect(await xen.change(setVcpus, SetVcpusRequest.fromPartial({ ...about, vcpus: 2 }))).toMatchObject({
      vcpus: 2,
    });
    const { stdout } = await xen.machine.exec([
      "sh",
      "-c",
      "xenstore-read /local/domain/$(xl domid plug)/memory/target",
    ]);
    expect(Number(stdout)).toBe(72 << 10);
    await xen.destroy("plug");
    await xen.undefine("plug");
  });

  it("are saved with their memory, and go on from it", async () => {
    await xen.define(xen.xml("saved"));
    await xen.start("saved");
    await xen.up("saved");
    const about = { uri: xen.uri, domain: "saved" };
    const path = "/tmp/images/saved.save";
    const { saveDomain, restoreDomain, managedSaveDomain } = SavedStateServiceService;
    expect(await xen.change(saveDomain, SaveDomainRequest.fromPartial({ ...about, path }))).toMatchObject({
      state: DomainState.DOMAIN_STATE_SHUTOFF,
      stateReason: "saved",
    });
    expect(await xen.domains()).not.toContain("saved");
    const restored = await xen.change(
      restoreDomain,
      RestoreDomainRequest.fromPartial({ uri: xen.uri, path }),
    );
    expect(restored).toMatchObject({ state: DomainState.DOMAIN_STATE_RUNNING });
    expect(await xen.change(managedSaveDomain, ManagedSaveDomainRequest.fromPartial(about))).toMatchObject({
      managedSave: true,
    });
    expect(await xen.start("saved")).toMatchObject({
      managedSave: false,
      state: DomainState.DOMAIN_STATE_RUNNING,
    });
    // It has said once that it booted.
    const { stdout } = await xen.machine.exec(["grep", "-c", "GUEST-READY", "/var/log/xen/guest-saved.log"]);
    expect(stdout.trim()).toBe("1");
    await xen.destroy("saved");
    await xen.undefine("saved");
  });
});

function disk(target: string, image: string): string {
  return `<disk type='file' device='disk'><source file='/tmp/images/${image}.img'/><target dev='${target}' bus='xen'/></disk>`;
}
