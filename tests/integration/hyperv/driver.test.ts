import { ownCall } from "@virtmesh/core/call";
import { need, supportOf } from "@virtmesh/core/driver/driver";
import { seedFrom } from "@virtmesh/hyperv-simulator/host/seed";
import { startSimulator } from "@virtmesh/hyperv-simulator/server";
import { startHypervSimulator } from "@virtmesh/lab/hyperv-simulator";
import { Driven, Fronted, guestXml, lifecycle, LOGIN } from "./driven.ts";

jest.setTimeout(120_000);

const call = ownCall();
const WEB = "A1B2C3D4-0001-4000-8000-000000000001";
const OFF = { live: false, config: true };
const FORM = { inactive: true, secure: true, migratable: false };

const CARD =
  "<interface type='bridge'><mac address='00:15:5d:00:00:07'/><source bridge='Default Switch'/></interface>";
const DISK = "<disk type='file'><source file='C:\\VMs\\data.vhdx'/><target dev='sda' bus='scsi'/></disk>";

describe("the guests of a Hyper-V host", () => {
  it("are those that the host has, by hyperv:///", async () => {
    await using hyperv = await Fronted.open();
    expect(hyperv.driver.serves).toEqual([{ scheme: "hyperv", path: "/" }]);
    expect(supportOf(hyperv.driver)).toContain("domains.pushedEvents");
    expect(hyperv.driver.domains.list()).toEqual([
      expect.objectContaining({ name: "web", state: "running", stateReason: "unknown" }),
    ]);
    expect(hyperv.driver.host.info()).toMatchObject({
      ...{ architecture: "x86_64", accelerators: ["hyperv"], cpus: 8 },
      notes: expect.arrayContaining(["events are pushed by the host"]),
    });
  });

  it("are told of when somebody at the host does something to them", async () => {
    await using hyperv = await Fronted.open();
    hyperv.host.host.control("web", "paused");
    hyperv.host.host.control("web", "running");
    hyperv.host.host.control("web", "off");
    await hyperv.heard(lifecycle("web", "stopped"));
    expect(hyperv.lifeOf("web")).toEqual(["suspended paused", "resumed unpaused", "stopped shutdown"]);
    expect(hyperv.events.every(({ reconciled }) => reconciled !== true)).toBe(true);
  });

  it("are told of after the host was away, as what was found", async () => {
    await using host = await startHypervSimulator({
      ...{ transport: "sealed", seed: { guests: [{ name: "web", id: WEB, state: "off" }] } },
    });
    await using hyperv = await Fronted.at(host);
    await host.setGuest("web", "running");
    await hyperv.heard(lifecycle("web", "started"));
    // It comes back as in the beginning.
    await host.restart();
    expect(await hyperv.heard(lifecycle("web", "stopped"))).toMatchObject({ reconciled: true });
    expect(hyperv.warnings.join()).toContain("events are away");
    await host.setGuest("web", "running");
    await hyperv.heard(() => hyperv.lifeOf("web").length === 3);
    expect(hyperv.lifeOf("web")).toEqual(["started booted", "stopped shutdown", "started booted"]);
  });

  it("are looked at where the host refuses to tell, which is said", async () => {
    await using hyperv = await Fronted.open({ subscriptions: "refused" });
    expect(hyperv.warnings.join()).toContain("refuses to tell what happens");
    expect(hyperv.driver.host.info().notes.join()).toContain("events are degraded");
    expect(supportOf(hyperv.driver)).not.toContain("domains.pushedEvents");
    const { uuid } = hyperv.guest("web");
    expect(await hyperv.driver.domains.destroy(uuid, call)).toMatchObject({ state: "shutoff" });
    expect(hyperv.lifeOf("web")).toEqual(["stopped destroyed"]);
  });

  it("are found by whatever language their host speaks", async () => {
    await using hyperv = await Fronted.open({}, { locale: "ja-JP" });
    expect(hyperv.driver.domains.list().map(({ name }) => name)).toEqual(["web"]);
  });

  it.each(["usual", "always"] as const)("are made with all they have, where jobs are %s", async (when) => {
    await using hyperv = await Fronted.open({ jobs: { when } });
    const { domains } = hyperv.driver;
    const { uuid, etag } = await hyperv.define("whole", DISK + CARD);
    expect(domains.find("whole")).toMatchObject({
      disks: [{ target: "sda", bus: "scsi", source: "C:\\VMs\\data.vhdx" }],
      interfaces: [{ mac: "00:15:5d:00:00:07", source: "Default Switch" }],
    });
    expect((await domains.define(domains.parse(await domains.xml(uuid, FORM, call)), call)).etag).toBe(etag);
    await domains.start(uuid, { paused: false }, call);
    await domains.destroy(uuid, call);
    await domains.undefine(uuid, call);
    expect(hyperv.lifeOf("whole")).toEqual([
      ...["defined added", "started booted", "stopped destroyed", "undefined removed"],
    ]);
  });

  it("that cannot be made whole are not made, and why is said", async () => {
    await using hyperv = await Fronted.open({
      jobs: { when: "always" },
      jobFailures: [{ method: "AddResourceSettings", code: 32778, description: "zu wenig Platz" }],
    });
    await expect(hyperv.define("broken", DISK)).rejects.toMatchObject({
      message: expect.stringContaining("zu wenig Platz"),
    });
    expect(hyperv.driver.domains.find("broken")).toBeUndefined();
    expect(hyperv.lifeOf("broken")).toEqual([]);
  });

  it("that cannot be changed are as they were", async () => {
    await using hyperv = await Fronted.open();
    const { uuid, etag } = await hyperv.define("kept", CARD);
    hyperv.host.host.change({
      jobs: { when: "always" },
      jobFailures: [{ method: "AddResourceSettings", code: 32768, times: 1 }],
    });
    const attach = need(hyperv.driver, "devices", "attach");
    await expect(attach(uuid, DISK, OFF, call)).rejects.toMatchObject({ reason: "HYPERVISOR_FAILED" });
    expect(hyperv.driver.domains.find(uuid)).toMatchObject({ etag, disks: [] });
    expect((await attach(uuid, DISK, OFF, call)).disks).toHaveLength(1);
    const detach = need(hyperv.driver, "devices", "detach");
    expect(await detach(uuid, { kind: "target", target: "sda" }, OFF, call)).toMatchObject({ disks: [] });
  });

  it("are refused with a switch that the host has not, naming those that it has", async () => {
    await using hyperv = await Fronted.open();
    await expect(hyperv.define("lost", CARD.replace("Default Switch", "Other"))).rejects.toMatchObject({
      ...{ reason: "CONFIG_UNSUPPORTED", message: expect.stringContaining("Default Switch") },
    });
    expect(hyperv.driver.domains.find("lost")).toBeUndefined();
  });

  it("shut down when they are asked to, and else run on", async () => {
    await using hyperv = await Fronted.open({ guestShutdown: "ignores" });
    const { domains } = hyperv.driver;
    const { uuid } = hyperv.guest("web");
    const shutdown = need(hyperv.driver, "domains", "shutdown");
    await shutdown(uuid, call).catch(() => undefined);
    expect(domains.find(uuid)).toMatchObject({ state: "running" });
    hyperv.host.host.change({ guestShutdown: "obeys" });
    await shutdown(uuid, call);
    await hyperv.heard(lifecycle("web", "stopped"));
    expect(domains.find(uuid)).toMatchObject({ state: "shutoff", stateReason: "shutdown" });
  });

  it("reboot when they are asked to, and say so", async () => {
    await using hyperv = await Fronted.open();
    const { uuid, startTimeMs } = hyperv.guest("web");
    await need(hyperv.driver, "domains", "reboot")(uuid, call);
    await hyperv.heard(lifecycle("web", "rebooted"));
    expect(hyperv.lifeOf("web")).toEqual(["rebooted"]);
    expect(hyperv.guest("web")).toMatchObject({ state: "running", startTimeMs });
  });

  it("tell of the system in them, when its services do", async () => {
    const tells = {
      FullyQualifiedDomainName: "web.example.org",
      OSName: "Debian GNU/Linux",
      OSMajorVersion: "12",
    };
    const guests = [
      { name: "web", state: "running" as const, tells },
      { name: "mute", state: "running" as const },
    ];
    await using hyperv = await Fronted.open({}, { guests });
    const system = need(hyperv.driver, "guestInfo", "system");
    expect(await system(hyperv.guest("web").uuid, call)).toMatchObject({
      ...{ hostname: "web.example.org", osName: "Debian GNU/Linux", osVersion: "12" },
    });
    await expect(system(hyperv.guest("mute").uuid, call)).rejects.toMatchObject({
      reason: "GUEST_AGENT_SILENT",
    });
  });

  it("have no console, and what to use instead is said", async () => {
    await using hyperv = await Fronted.open();
    expect(() => need(hyperv.driver, "domains", "openConsole")).toThrow("vmconnect");
  });

  it("keep their title, their metadata and the UUID that they were given", async () => {
    await using hyperv = await Fronted.open();
    const { domains } = hyperv.driver;
    const uuid = crypto.randomUUID();
    const more = `<uuid>${uuid}</uuid><title>T</title><description>d</description><metadata><x:y xmlns:x="urn:x">kept</x:y></metadata><memory`;
    const made = await domains.define(domains.parse(guestXml("named", "").replace("<memory", more)), call);
    expect(made).toMatchObject({ uuid, title: "T", description: "d" });
    expect(await domains.xml(made.uuid, FORM, call)).toContain("kept</x:y>");
  });

  it("have checkpoints to which they go back with their memory", async () => {
    await using hyperv = await Fronted.open();
    const { snapshots } = hyperv.driver;
    const { uuid } = hyperv.guest("web");
    const ask = { xml: "", description: "before it", diskOnly: false, quiesce: false, halt: false };
    expect(await snapshots?.create(uuid, { ...ask, name: "one" }, call)).toMatchObject({
      ...{ name: "one", description: "before it", memory: true, state: "running", current: true },
    });
    expect(await need(hyperv.driver, "snapshots", "revert")(uuid, "one", "asSaved", call)).toMatchObject({
      state: "running",
      uuid,
    });
    await snapshots?.delete(uuid, "one", "alone", call);
    expect(await snapshots?.list(uuid, call)).toEqual([]);
  });

  it("have numbers: their memory, all in one call, and the sizes of their disks", async () => {
    const disks = [{ path: "C:\\VMs\\web.vhdx", sizeBytes: 7 << 20 }];
    await using hyperv = await Fronted.open(
      {},
      { guests: [{ name: "web", state: "running", memoryMiB: 512, disks }] },
    );
    const [stats] = hyperv.driver.domains.stats();
    expect(stats).toMatchObject({
      rssBytes: 512n << 20n,
      blocks: [{ source: "C:\\VMs\\web.vhdx", capacityBytes: 7n << 20n }],
    });
  });

  it("have counters: the time of their processors, and what their disks and cards did", async () => {
    const disks = [{ path: "C:\\VMs\\web.vhdx" }];
    const guests = [
      { name: "web", state: "running" as const, processors: 2, disks, macs: ["00155D010101"] },
      { name: "twin", state: "running" as const },
      { name: "twin", state: "running" as const },
      { name: "off", state: "off" as const },
    ];
    await using hyperv = await Fronted.open({}, { guests });
    const [web, twin, , off] = hyperv.driver.domains.stats();
    expect(web?.cpuTimeNs).toBeGreaterThan(0n);
    const [disk] = web?.blocks ?? [];
    expect([disk?.readBytes, disk?.writeRequests].every((each) => (each ?? 0n) > 0n)).toBe(true);
    expect(disk).toMatchObject({ readTimeNs: undefined, physicalBytes: undefined });
    expect(web?.interfaces).toMatchObject([{ mac: "00:15:5d:01:01:01", receiveErrors: undefined }]);
    expect(web?.interfaces[0]?.receiveBytes).toBeGreaterThan(0n);
    // Counters go by names, and these two have the same.
    expect([twin?.cpuTimeNs, off?.cpuTimeNs]).toEqual([undefined, 0n]);
  });

  it("are hundreds, and each has its numbers and its events", async () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ name: `guest-${i}`, state: "running" as const }));
    await using hyperv = await Fronted.open({}, { guests: many });
    const stats = hyperv.driver.domains.stats();
    expect(stats).toHaveLength(300);
    expect(stats.every(({ rssBytes }) => rssBytes > 0n)).toBe(true);
    hyperv.host.host.control("guest-7", "off");
    await hyperv.heard(lifecycle("guest-7", "stopped"));
    expect(hyperv.events).toHaveLength(1);
    expect(hyperv.warnings).toEqual([]);
  });

  it("of which one cannot be understood are known, but for that one", async () => {
    const broken = { name: "broken", notes: 'virtmesh:{"metadata":"<nonsense"}' };
    await using hyperv = await Fronted.open({}, { guests: [broken, { name: "web", state: "running" }] });
    expect(hyperv.driver.domains.list().map(({ name }) => name)).toEqual(["web"]);
  });

  it("say their addresses, and show a picture of their screen", async () => {
    const guest = {
      name: "web",
      state: "running",
      macs: ["00155D010101"],
      addresses: ["192.0.2.7", "fe80::1"],
    } as const;
    await using hyperv = await Fronted.open({}, { guests: [guest] });
    const { uuid } = hyperv.guest("web");
    expect(await need(hyperv.driver, "guestInfo", "addresses")(uuid, "best", call)).toEqual([
      {
        ...{ name: "Default Switch", mac: "00:15:5d:01:01:01" },
        addresses: [
          { address: "192.0.2.7", prefix: 24 },
          { address: "fe80::1", prefix: 64 },
        ],
      },
    ]);
    const { data, mimeType } = await need(hyperv.driver, "domains", "screenshot")(uuid, 0, call);
    const { value: png } = await data[Symbol.asyncIterator]().next();
    expect([mimeType, Buffer.from(png).subarray(1, 4).toString()]).toEqual(["image/png", "PNG"]);
  });

  it("are not known without a login", async () => {
    await using host = await startSimulator({
      ...{ seed: seedFrom({}), credentials: LOGIN, address: "127.0.0.1", port: 0 },
    });
    await expect(Driven.at({ port: host.port, user: LOGIN.user, password: "wrong" })).rejects.toMatchObject({
      reason: "NOT_AUTHENTICATED",
    });
  });
});
