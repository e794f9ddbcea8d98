import { ownCall } from "@virtmesh/core/call";
import { type Driver, need } from "@virtmesh/core/driver/driver";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { HypervisorEvent } from "@virtmesh/core/driver/events";
import { startVcsim, type Vcsim } from "@virtmesh/lab/vcsim";
import { silentLogger } from "@virtmesh/mesh/logger";
import { createEsxDriver } from "@virtmesh/esx-agent/driver";
import { anyString, reference } from "@virtmesh/esx-agent/vim/encode";
import { textAt } from "@virtmesh/esx-agent/vim/node";
import { VimSession } from "@virtmesh/esx-agent/vim/session";
import { runTask } from "@virtmesh/esx-agent/vim/tasks";

jest.setTimeout(90_000);

const call = ownCall();
const { signal } = call;
const FORM = { inactive: true, secure: true, migratable: false };
const OFF = { live: false, config: true };

/** The driver, and what it told. */
class Fronted implements AsyncDisposable {
  readonly driver: Driver;
  readonly events: HypervisorEvent[] = [];
  readonly #heard = new EventTarget();

  private constructor(driver: Driver) {
    this.driver = driver;
    driver.domains.subscribe((event) => {
      this.events.push(event);
      this.#heard.dispatchEvent(new Event("heard"));
    });
  }

  static async open({ host, port, user, password, ca }: Vcsim, path = ""): Promise<Fronted> {
    const config = { endpoint: { host, port, ca }, credentials: { user, password }, path };
    return new Fronted(await createEsxDriver({ ...config, logger: silentLogger, signal }));
  }

  /** What was told of a guest's life, as `type detail`. */
  lifeOf(name: string): string[] {
    return this.events.flatMap(({ name: of, body }) =>
      of === name && body.kind === "lifecycle" ? [`${body.type} ${body.detail}`.trim()] : [],
    );
  }

  async heard(isIt: (event: HypervisorEvent) => boolean): Promise<HypervisorEvent> {
    for (;;) {
      const found = this.events.find(isIt);
      if (found !== undefined) return found;
      await new Promise((resolve) => this.#heard.addEventListener("heard", resolve, { once: true }));
    }
  }

  async define(name: string, more = ""): Promise<DomainInfo> {
    const { domains } = this.driver;
    return await domains.define(domains.parse(guestXml(name, more)), call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver[Symbol.asyncDispose]();
  }
}

function guestXml(name: string, more = ""): string {
  return `<domain type='vmware'>
    <name>${name}</name>
    <memory unit='MiB'>64</memory>
    <os><type>hvm</type></os>
    <devices>
      <controller type='scsi' index='0' model='vmpvscsi'/>
      <interface type='bridge'><mac address='00:50:56:00:00:01'/><source bridge='VM Network'/><model type='vmxnet3'/></interface>
    </devices>${more}
  </domain>`;
}

/** As an administrator of the host works on it, past the agent. */
async function beside(server: Vcsim, work: (session: VimSession) => Promise<unknown>): Promise<void> {
  const { host, port, user, password, ca } = server;
  await using session = await VimSession.connect({ host, port, ca }, { user, password }, signal);
  await work(session);
}

async function makeDisk(server: Vcsim, path: string): Promise<void> {
  const size = { diskType: "thin", adapterType: "lsiLogic", capacityKb: 1024 };
  const spec = { $type: "FileBackedVirtualDiskSpec", ...size };
  const args = { name: path, datacenter: reference("Datacenter", "ha-datacenter"), spec };
  await beside(server, (session) =>
    runTask(session, "CreateVirtualDisk_Task", session.manager("virtualDiskManager"), args, { signal }),
  );
}

/** What VMware Tools in a guest would tell; the simulator takes it by these settings. */
async function tell(server: Vcsim, uuid: string, told: Readonly<Record<string, string>>): Promise<void> {
  const extraConfig = Object.entries(told).map(([key, value]) => ({
    key: `SET.${key}`,
    value: anyString(value),
  }));
  await beside(server, async (session) => {
    const index = session.manager("searchIndex");
    const found = await session.call("FindByUuid", index, { uuid, vmSearch: true }, { signal });
    const guest = reference("VirtualMachine", textAt(found, "returnval") ?? "");
    await runTask(session, "ReconfigVM_Task", guest, { spec: { extraConfig } }, { signal });
  });
}

describe("the guests of an ESX host", () => {
  let server: Vcsim;
  let esx: Fronted;
  beforeAll(async () => {
    server = await startVcsim({ kind: "host", guests: 2 });
    esx = await Fronted.open(server);
  }, 590_000);
  afterAll(async () => {
    await esx?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  it("are those that the host has, by esx:///", () => {
    expect(esx.driver.serves).toEqual([{ scheme: "esx", path: "/" }]);
    expect(esx.driver.domains.list().map(({ name, state }) => [name, state])).toEqual([
      ["ha-host_VM0", "running"],
      ["ha-host_VM1", "running"],
    ]);
    expect(esx.driver.host.info()).toMatchObject({ architecture: "x86_64", accelerators: ["vmware"] });
  });

  it("have the counters that the server has sampled, of each disk and card", () => {
    const [first] = esx.driver.domains.stats();
    expect(first).toMatchObject({
      blocks: expect.arrayContaining([
        expect.objectContaining({ target: "sda", readBytes: expect.any(BigInt) }),
      ]),
      interfaces: [expect.objectContaining({ device: "4000", receiveBytes: expect.any(BigInt) })],
    });
    expect(first?.cpuTimeNs).toBeGreaterThan(0n);
  });

  it("live as their events tell", async () => {
    const { domains } = esx.driver;
    const { uuid } = await esx.define("life");
    expect(await domains.start(uuid, { paused: false }, call)).toMatchObject({
      state: "running",
      stateReason: "booted",
    });
    expect(await need(esx.driver, "domains", "suspend")(uuid, call)).toMatchObject({
      state: "paused",
      stateReason: "user",
    });
    expect(await need(esx.driver, "domains", "resume")(uuid, call)).toMatchObject({
      stateReason: "unpaused",
    });
    expect(await domains.destroy(uuid, call)).toMatchObject({
      state: "shutoff",
      stateReason: "destroyed",
      id: 0,
    });
    await domains.start(uuid, { paused: false }, call);
    await need(esx.driver, "domains", "shutdown")(uuid, call);
    await esx.heard(
      ({ name, body }) => name === "life" && body.kind === "lifecycle" && body.detail === "shutdown",
    );
    await domains.undefine(uuid, call);
    expect(domains.find("life")).toBeUndefined();
    expect(esx.lifeOf("life")).toEqual([
      "defined added",
      "started booted",
      "suspended paused",
      "resumed unpaused",
      "stopped destroyed",
      "started booted",
      "stopped shutdown",
      "undefined removed",
    ]);
  });

  it("keep their definition, so that defining it again changes nothing", async () => {
    const { domains } = esx.driver;
    const more = `<title>My guest</title><description>a &lt;note&gt;</description>
      <metadata><x:y xmlns:x="urn:x" z="1">kept</x:y></metadata>`;
    const { uuid, etag } = await esx.define("kept", more);
    const xml = await domains.xml(uuid, FORM, call);
    expect(xml).toMatch(/<x:y [^>]*z=['"]1['"][^>]*>kept<\/x:y>/);
    expect(domains.find(uuid)).toMatchObject({ title: "My guest", description: "a <note>" });
    expect(domains.find(uuid)?.interfaces).toEqual([
      expect.objectContaining({ mac: "00:50:56:00:00:01", model: "vmxnet3", source: "VM Network" }),
    ]);
    expect((await domains.define(domains.parse(xml), call)).etag).toBe(etag);
    await domains.undefine(uuid, call);
  });

  it.each([
    [
      "a bus that vSphere has not",
      "<disk type='file'><source file='[d] a.vmdk'/><target dev='vda' bus='virtio'/></disk>",
      "vda",
    ],
    [
      "a device that vSphere has not",
      "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
      "rng",
    ],
  ])("are refused with %s", (_, device, named) => {
    const xml = guestXml("refused").replace("<devices>", `<devices>${device}`);
    expect(() => esx.driver.domains.parse(xml)).toThrow(
      expect.objectContaining({ reason: "CONFIG_UNSUPPORTED", message: expect.stringContaining(named) }),
    );
  });

  it("are not started paused, and not started twice", async () => {
    const { domains } = esx.driver;
    const { uuid } = await esx.define("once");
    await expect(domains.start(uuid, { paused: true }, call)).rejects.toMatchObject({
      reason: "UNSUPPORTED",
    });
    await domains.start(uuid, { paused: false }, call);
    await expect(domains.start(uuid, { paused: false }, call)).rejects.toMatchObject({
      reason: "DOMAIN_RUNNING",
    });
    await expect(domains.undefine(uuid, call)).rejects.toMatchObject({ reason: "DOMAIN_RUNNING" });
    await domains.destroy(uuid, call);
    await expect(domains.destroy(uuid, call)).rejects.toMatchObject({ reason: "DOMAIN_NOT_RUNNING" });
    await domains.undefine(uuid, call);
  });

  it("get disks and lose them, while they run too", async () => {
    const { domains } = esx.driver;
    await makeDisk(server, "[LocalDS_0] data.vmdk");
    const { uuid, etag } = await esx.define("disks");
    await domains.start(uuid, { paused: false }, call);
    const xml =
      "<disk type='file'><source file='[LocalDS_0] data.vmdk'/><target dev='sda' bus='scsi'/></disk>";
    const live = { live: true, config: true };
    const attach = need(esx.driver, "devices", "attach");
    expect((await attach(uuid, xml, live, call)).disks).toEqual([
      expect.objectContaining({ target: "sda", bus: "scsi", source: "[LocalDS_0] data.vmdk" }),
    ]);
    await expect(attach(uuid, xml, live, call)).rejects.toMatchObject({ reason: "DEVICE_EXISTS" });
    await expect(
      attach(uuid, xml.replace("sda", "sdc").replace("data", "none"), live, call),
    ).rejects.toMatchObject({ reason: "FILE_NOT_FOUND", message: expect.stringContaining("FileNotFound") });
    await expect(attach(uuid, xml.replace("sda", "sdb"), OFF, call)).rejects.toMatchObject({
      reason: "CONFIG_UNSUPPORTED",
    });
    const detach = need(esx.driver, "devices", "detach");
    const after = await detach(uuid, { kind: "target", target: "sda" }, live, call);
    expect(after).toMatchObject({ disks: [], etag });
    await domains.destroy(uuid, call);
    await domains.undefine(uuid, call);
  });

  it("get more and less of their host", async () => {
    const { uuid } = await esx.define("sized");
    const MIB = 1n << 20n;
    expect(await need(esx.driver, "resources", "setMaxMemory")(uuid, 128n * MIB, OFF, call)).toMatchObject({
      maxMemoryBytes: 128n * MIB,
      memoryBytes: 64n * MIB,
    });
    expect(await need(esx.driver, "resources", "setMemory")(uuid, 32n * MIB, OFF, call)).toMatchObject({
      memoryBytes: 32n * MIB,
    });
    await need(esx.driver, "resources", "setMaxVcpus")(uuid, 4, OFF, call);
    expect(await esx.driver.domains.xml(uuid, FORM, call)).toMatch(/<vcpu [^>]*current='1'>4</);
    await esx.driver.domains.start(uuid, { paused: false }, call);
    const live = { live: true, config: true };
    expect(await need(esx.driver, "resources", "setVcpus")(uuid, 3, live, call)).toMatchObject({ vcpus: 3 });
    await esx.driver.domains.destroy(uuid, call);
    await esx.driver.domains.undefine(uuid, call);
  });

  it("have the names and addresses that the tools inside tell", async () => {
    const { uuid } = await esx.define("inside");
    const addresses = need(esx.driver, "guestInfo", "addresses");
    await expect(addresses(uuid, "best", call)).rejects.toMatchObject({ reason: "GUEST_AGENT_SILENT" });
    await tell(server, uuid, { "guest.ipAddress": "10.0.0.42", "guest.hostName": "inside.lan" });
    // A change of ours waits for the stream, in which that came before.
    await need(esx.driver, "resources", "setMemory")(uuid, 32n << 20n, OFF, call);
    expect(await addresses(uuid, "best", call)).toEqual([
      { name: "VM Network", mac: "00:50:56:00:00:01", addresses: [{ address: "10.0.0.42", prefix: 0 }] },
    ]);
    expect(await need(esx.driver, "guestInfo", "system")(uuid, call)).toMatchObject({
      hostname: "inside.lan",
    });
    await esx.driver.domains.undefine(uuid, call);
  });

  it("have snapshots in a tree, to which they go back", async () => {
    const { uuid } = await esx.define("shots");
    const { snapshots } = esx.driver;
    if (snapshots === undefined) throw new Error("there are no snapshots");
    const ask = { xml: "", description: "d", diskOnly: false, quiesce: false, halt: false };
    await snapshots.create(uuid, { ...ask, name: "one" }, call);
    await snapshots.create(uuid, { ...ask, name: "two" }, call);
    await expect(snapshots.create(uuid, { ...ask, name: "two" }, call)).rejects.toMatchObject({
      reason: "SNAPSHOT_EXISTS",
    });
    await need(esx.driver, "snapshots", "revert")(uuid, "one", "asSaved", call);
    expect(await snapshots.list(uuid, call)).toEqual([
      expect.objectContaining({ name: "one", parent: "", current: true, state: "shutoff" }),
      expect.objectContaining({ name: "two", parent: "one", current: false }),
    ]);
    await snapshots.delete(uuid, "one", "withChildren", call);
    expect(await snapshots.list(uuid, call)).toEqual([]);
    await esx.driver.domains.undefine(uuid, call);
  });

  it("are found again after the server was restarted, and what happened meanwhile is told as found", async () => {
    const { uuid } = await esx.define("forgotten");
    await server.restart();
    const gone = await esx.heard(
      ({ name, body }) => name === "forgotten" && body.kind === "lifecycle" && body.type === "undefined",
    );
    expect(gone).toMatchObject({ uuid, reconciled: true });
    expect(esx.driver.domains.find("ha-host_VM0")).toMatchObject({ state: "running" });
    const { uuid: later } = await esx.define("later");
    await esx.driver.domains.undefine(later, call);
  });
});

describe("an ESX host that takes its time", () => {
  it("does what it was asked for, though the caller's time is over, and that is told", async () => {
    await using server = await startVcsim({ kind: "host", guests: 0, delays: { PowerOnVM_Task: 5_000 } });
    await using esx = await Fronted.open(server);
    const { domains } = esx.driver;
    const { uuid } = await esx.define("slow");
    const hurried = ownCall(AbortSignal.timeout(1_500));
    await expect(domains.start(uuid, { paused: false }, hurried)).rejects.toThrow();
    expect(domains.find(uuid)).toMatchObject({ state: "shutoff" });
    await esx.heard(({ body }) => body.kind === "lifecycle" && body.type === "started");
    expect(domains.find(uuid)).toMatchObject({ state: "running" });
  });

  it("answers others meanwhile", async () => {
    await using server = await startVcsim({ kind: "host", guests: 1, delays: { SuspendVM_Task: 3_000 } });
    await using esx = await Fronted.open(server);
    const [guest] = esx.driver.domains.list();
    if (guest === undefined) throw new Error("there is no guest");
    const suspending = need(esx.driver, "domains", "suspend")(guest.uuid, call);
    expect(await esx.define("meanwhile")).toMatchObject({ state: "shutoff" });
    expect(esx.lifeOf(guest.name)).toEqual([]);
    expect(await suspending).toMatchObject({ state: "paused" });
  });
});

describe("the guests of one host of a vCenter", () => {
  it("are all known, a thousand of them, and change one by one", async () => {
    await using server = await startVcsim({ kind: "vcenter", guests: 1_000 });
    await using vpx = await Fronted.open(server, "DC0/DC0_H0");
    expect(vpx.driver.serves).toEqual([{ scheme: "vpx", path: "/DC0/DC0_H0" }]);
    const all = vpx.driver.domains.list();
    expect(all).toHaveLength(1_000);
    expect(vpx.driver.domains.stats()).toHaveLength(1_000);
    const { uuid, name } = all[0] as DomainInfo;
    await vpx.driver.domains.destroy(uuid, call);
    expect(vpx.events.map((event) => [event.name, event.body])).toEqual([
      [name, { kind: "lifecycle", type: "stopped", detail: "destroyed" }],
    ]);
  });

  it("are not those of a host that is not there", async () => {
    await using server = await startVcsim({ kind: "vcenter", guests: 1 });
    await expect(Fronted.open(server, "DC0/other")).rejects.toMatchObject({
      reason: "HOST_SETUP",
      message: expect.stringContaining("DC0/DC0_H0"),
    });
  });
});
