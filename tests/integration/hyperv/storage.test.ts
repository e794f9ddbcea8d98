import { ownCall } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { StorageFacet } from "@virtmesh/core/driver/storage";
import type { SettingsPatch } from "@virtmesh/hyperv-simulator/host/settings";
import { Fronted } from "./driven.ts";

jest.setTimeout(120_000);

const call = ownCall();
const MIB = 1n << 20n;
const FOLDER = "C:\\VMs";
const DEFAULT = "C:\\Users\\Public\\Documents\\Hyper-V\\Virtual Hard Disks";
const NEW = { name: "new.vhdx", capacityBytes: 64n * MIB, format: "", allocationBytes: 0n };

const open = (settings: SettingsPatch = {}): Promise<Fronted> =>
  Fronted.open(settings, {
    guests: [
      { name: "web", state: "running", disks: [{ path: `${FOLDER}\\Web.vhdx`, sizeBytes: 32 << 20 }] },
      { name: "db", state: "off", disks: [{ path: `${FOLDER}\\db.vhdx`, sizeBytes: 32 << 20 }] },
      { name: "far", state: "off", disks: [{ path: "\\\\files\\vms\\far.vhdx" }] },
    ],
  });

function storage({ driver }: Fronted): Required<Pick<StorageFacet, "create" | "delete">> & StorageFacet {
  return {
    pools: need(driver, "storage", "pools"),
    volumes: need(driver, "storage", "volumes"),
    volume: need(driver, "storage", "volume"),
    create: need(driver, "storage", "create"),
    delete: need(driver, "storage", "delete"),
  };
}

describe("the storage of a Hyper-V host", () => {
  it("is the folder where it makes disks, and those where its guests have them on its drives", async () => {
    await using hyperv = await open();
    const pools = await storage(hyperv).pools(call);
    expect(pools).toMatchObject([
      { name: "default", path: DEFAULT, type: "dir", state: "running" },
      { name: FOLDER, path: FOLDER },
    ]);
    expect(new Set(pools.map(({ uuid }) => uuid)).size).toBe(2);
    expect(await storage(hyperv).pools(call)).toEqual(pools);
  });

  it("has disks with what a guest sees of them, and what they take", async () => {
    await using hyperv = await open();
    expect(await storage(hyperv).volumes(FOLDER, call)).toMatchObject([
      { name: "web.vhdx", format: "vhdx", capacityBytes: 32n * MIB, allocationBytes: 4n * MIB },
      { name: "db.vhdx", path: `${FOLDER}\\db.vhdx`, modifyTimeMs: expect.any(Number) },
    ]);
    // Windows shows names in lower case, and takes them in any.
    expect(await storage(hyperv).volume(FOLDER, "Web.vhdx", call)).toMatchObject({ name: "web.vhdx" });
  });

  it("makes disks that grow, or that have all of their room at once", async () => {
    await using hyperv = await open();
    const disks = storage(hyperv);
    expect(await disks.create("default", NEW, call)).toMatchObject({
      name: "new.vhdx",
      allocationBytes: 4n * MIB,
    });
    const whole = { ...NEW, name: "whole.vhd", format: "vhd", allocationBytes: NEW.capacityBytes };
    expect(await disks.create("default", whole, call)).toMatchObject({
      ...{ format: "vhd", capacityBytes: 64n * MIB, allocationBytes: 64n * MIB },
    });
  });

  it.each([
    ["of another format than its name says", { format: "vhd" }, "of the format vhdx by its name"],
    ["in a folder of the pool", { name: "a/new.vhdx" }, "no name of a .vhdx"],
    ["that is none by its name", { name: "new.img" }, "Hyper-V goes by it"],
  ])("does not make one %s", async (_, change, why) => {
    await using hyperv = await open();
    await expect(storage(hyperv).create("default", { ...NEW, ...change }, call)).rejects.toMatchObject({
      ...{ reason: "INVALID_FIELD", message: expect.stringContaining(why) },
    });
  });

  it("keeps nothing of a disk that nobody waits for any more", async () => {
    await using hyperv = await open({ jobs: { durationMs: 200 } });
    const disks = storage(hyperv);
    const abort = new AbortController();
    const begun = hyperv.host.host.begins("CreateVirtualHardDisk");
    const making = disks.create("default", NEW, { ...call, signal: abort.signal });
    await begun;
    abort.abort(new Error("enough"));
    await expect(making).rejects.toThrow();
    expect(await disks.volumes("default", call)).toEqual([]);
  });

  it("does not lose a disk that a guest has, nor one that a checkpoint stands on", async () => {
    await using hyperv = await open();
    const { uuid } = hyperv.guest("db");
    const refused = { reason: "DISK_IN_USE" };
    const remove = (name: string): Promise<void> => storage(hyperv).delete(FOLDER, name, call);
    await expect(remove("web.vhdx")).rejects.toMatchObject({
      ...{ ...refused, message: expect.stringContaining('"web"') },
    });
    await expect(remove("db.vhdx")).rejects.toMatchObject(refused);
    const ask = { xml: "", description: "", diskOnly: false, quiesce: false, halt: false, name: "one" };
    await need(hyperv.driver, "snapshots", "create")(uuid, ask, call);
    await expect(remove("db.vhdx")).rejects.toMatchObject(refused);
    expect((await storage(hyperv).volumes(FOLDER, call)).map(({ name }) => name)).toContain("db.vhdx");
  });
});
