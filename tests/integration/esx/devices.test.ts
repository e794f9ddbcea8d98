import { type Call, ownCall } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { type Driver, need } from "@virtmesh/core/driver/driver";
import type { HypervisorEventBody } from "@virtmesh/core/driver/events";
import type { DomainUuid } from "@virtmesh/core/ids";
import { createEsxDriver } from "@virtmesh/esx-agent/driver";
import { Scope } from "@virtmesh/kit/scope";
import { startVcsim } from "@virtmesh/lab/vcsim";
import { silentLogger } from "@virtmesh/mesh/logger";

const call: Call = ownCall();
const LIVE = { live: true, config: true, force: false };
const MAC = "00:50:56:00:00:01";

describe("devices of guests of ESX", () => {
  const scope = new Scope();
  const told: HypervisorEventBody[] = [];
  let driver: Driver;
  let uuid: DomainUuid;
  beforeAll(async () => {
    const server = scope.own(await startVcsim({ kind: "host", guests: 0 }));
    const { host, port, ca, user, password } = server;
    driver = scope.own(
      await createEsxDriver({
        ...{ endpoint: { host, port, ca }, credentials: { user, password }, path: "" },
        ...{ logger: silentLogger, signal: scope.signal },
      }),
    );
    scope.own(driver.domains.subscribe(({ body }) => void told.push(body)));
    for (const name of ["one.iso", "two.iso"]) await upload(name);
    await driver.storage?.create?.(
      "LocalDS_0",
      { name: "disk.vmdk", capacityBytes: 1n << 20n, format: "", allocationBytes: 0n },
      call,
    );
    ({ uuid } = await define(
      "web",
      `
      <controller type='scsi' index='0' model='vmpvscsi'/>
      ${drive("[LocalDS_0] one.iso")}
      ${card("VM Network")}`,
    ));
    await driver.domains.start(uuid, { paused: false }, call);
  }, 590_000);
  afterAll(() => scope[Symbol.asyncDispose]());

  async function upload(name: string): Promise<void> {
    async function* content(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(name);
    }
    await driver.storage?.upload?.("LocalDS_0", name, { offset: 0n, lengthBytes: 7n }, content(), call);
  }
  const define = (name: string, devices: string): Promise<DomainInfo> => {
    const xml = `<domain type='vmware'><name>${name}</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>${devices}</devices></domain>`;
    return driver.domains.define(driver.domains.parse(xml), call);
  };
  const drive = (file: string): string =>
    `<disk type='file' device='cdrom'>${file === "" ? "" : `<source file='${file}'/>`}<target dev='sda' bus='sata'/></disk>`;
  const card = (network: string, more = ""): string =>
    `<interface type='bridge'><mac address='${MAC}'/><source bridge='${network}'/>${more}<model type='vmxnet3'/></interface>`;
  const update = (xml: string): Promise<DomainInfo> =>
    need(driver, "devices", "update")(uuid, xml, LIVE, call);
  const xml = (): Promise<string> =>
    driver.domains.xml(uuid, { inactive: true, secure: false, migratable: false }, call);

  it("have SATA drives, whose medium is taken out and another put in while they run", async () => {
    expect(driver.domains.find(uuid)?.disks).toEqual([
      expect.objectContaining({ target: "sda", bus: "sata", device: "cdrom", source: "[LocalDS_0] one.iso" }),
    ]);
    expect((await update(drive("[LocalDS_0] two.iso"))).disks[0]).toMatchObject({
      source: "[LocalDS_0] two.iso",
    });
    expect((await update(drive(""))).disks[0]).toMatchObject({ device: "cdrom", source: "" });
    expect((await update(drive("[LocalDS_0] one.iso"))).disks[0]).toMatchObject({
      source: "[LocalDS_0] one.iso",
    });
    expect(told).toContainEqual({ kind: "device", type: "updated", device: "sda", detail: "" });
  });

  it("have floppy drives, whose medium changes as well", async () => {
    const floppy = (file: string): string =>
      `<disk type='file' device='floppy'>${file === "" ? "" : `<source file='${file}'/>`}<target dev='fda' bus='fdc'/></disk>`;
    const made = await define("old", floppy(""));
    expect(made.disks).toEqual([expect.objectContaining({ target: "fda", device: "floppy", source: "" })]);
    const change = need(driver, "devices", "update");
    const config = { live: false, config: true, force: false };
    const changed = await change(made.uuid, floppy("[LocalDS_0] one.iso"), config, call);
    expect(changed.disks[0]).toMatchObject({ device: "floppy", source: "[LocalDS_0] one.iso" });
    expect((await change(made.uuid, floppy(""), config, call)).disks[0]).toMatchObject({ source: "" });
  });

  it("have cards whose cable is pulled and plugged in again", async () => {
    await update(card("VM Network", "<link state='down'/>"));
    expect(await xml()).toContain("<link state='down'/>");
    await update(card("VM Network", "<link state='up'/>"));
    expect(await xml()).not.toContain("<link state=");
    expect(driver.domains.find(uuid)?.interfaces).toEqual([
      expect.objectContaining({ mac: MAC, source: "VM Network", model: "vmxnet3" }),
    ]);
  });

  it("do not become others in their place", async () => {
    const changed = card("VM Network").replace("vmxnet3", "e1000");
    await expect(update(changed)).rejects.toMatchObject({ reason: "CONFIG_UNSUPPORTED" });
    await expect(update(drive("").replace("sda", "sdb"))).rejects.toMatchObject({
      reason: "DEVICE_NOT_FOUND",
    });
  });

  it("are disks at a SATA controller, made with the guest and attached to it while it runs", async () => {
    const disk = `<disk type='file'><source file='[LocalDS_0] disk.vmdk'/><target dev='sdb' bus='sata'/></disk>`;
    const after = await driver.devices?.attach?.(uuid, disk, LIVE, call);
    expect(after?.disks.map(({ target, bus }) => `${bus} ${target}`)).toEqual(["sata sda", "sata sdb"]);
    const without = await driver.devices?.detach?.(uuid, { kind: "target", target: "sdb" }, LIVE, call);
    expect(without?.disks).toHaveLength(1);
  });
});

describe("cards of guests of a vCenter", () => {
  it("go from a distributed switch to another network and back while the guest runs", async () => {
    await using scope = new Scope();
    const { host, port, ca, user, password } = scope.own(await startVcsim({ kind: "vcenter", guests: 1 }));
    const driver = scope.own(
      await createEsxDriver({
        ...{ endpoint: { host, port, ca }, credentials: { user, password }, path: "DC0/DC0_H0" },
        ...{ logger: silentLogger, signal: scope.signal },
      }),
    );
    const [guest] = driver.domains.list();
    if (guest === undefined) throw new Error("the host has no guest");
    const form = { inactive: true, secure: false, migratable: false };
    const cardOf = async (): Promise<string> =>
      /<interface[\s\S]*?<\/interface>/.exec(await driver.domains.xml(guest.uuid, form, call))?.[0] ?? "";
    const update = need(driver, "devices", "update");
    const before = await cardOf();
    expect(before).toMatch(/<interface type='vds'>/);
    const other = before
      .replace("type='vds'", "type='bridge'")
      .replace(/<source [^>]*>/, "<source bridge='VM Network'/>");
    expect((await update(guest.uuid, other, LIVE, call)).interfaces).toEqual([
      expect.objectContaining({ type: "bridge", source: "VM Network", mac: guest.interfaces[0]?.mac }),
    ]);
    await update(guest.uuid, before, LIVE, call);
    expect(await cardOf()).toBe(before);
  });
});
