import { readEmbedded } from "./cim/embedded.ts";
import { referenceParameter, type Selectors, selectorsOf, textAt, type Wire } from "./testing/client.ts";
import { introduce } from "./server.ts";
import { type Started, started } from "./testing/started.ts";
import { escapeXml } from "./xml/write.ts";
import { child, children } from "./xml/node.ts";

const WEB = "A1B2C3D4-0001-4000-8000-000000000001";
const DB = "A1B2C3D4-0002-4000-8000-000000000002";
const SEED = {
  guests: [
    { name: "web-1", id: WEB, state: "running" as const, memoryMiB: 512, processors: 2 },
    { name: "db-1", id: DB, state: "off" as const, disks: [{ path: "C:\\VMs\\db-1.vhdx" }] },
  ],
};
const FAST = { jobs: { durationMs: 0 } };

const keysOf = (id: string): Selectors => ({ CreationClassName: "Msvm_ComputerSystem", Name: id });
const guest = (name: string, id: string): string =>
  referenceParameter(name, "Msvm_ComputerSystem", keysOf(id));
const settings = (name: string, id: string): string =>
  referenceParameter(name, "Msvm_VirtualSystemSettingData", { InstanceID: id });

type Written = Readonly<Record<string, readonly [type: string, value: string | readonly string[]]>>;

function embedded(name: string, className: string, properties: Written): string {
  const written = Object.entries(properties).map(([key, [type, value]]) =>
    typeof value === "string"
      ? `<PROPERTY NAME="${key}" TYPE="${type}"><VALUE>${escapeXml(value)}</VALUE></PROPERTY>`
      : `<PROPERTY.ARRAY NAME="${key}" TYPE="${type}"><VALUE.ARRAY>${value
          .map((item) => `<VALUE>${escapeXml(item)}</VALUE>`)
          .join("")}</VALUE.ARRAY></PROPERTY.ARRAY>`,
  );
  return `<p:${name}>${escapeXml(`<INSTANCE CLASSNAME="${className}">${written.join("")}</INSTANCE>`)}</p:${name}>`;
}

/** Calls a method of a service, and waits for its job where there is one. */
async function call(simulator: Started, service: string, method: string, parameters: string): Promise<Wire> {
  const jobEnds = simulator.jobEnds();
  const answer = await simulator.client.invoke(service, method, {}, parameters);
  if (textAt(answer.body, "ReturnValue") === "4096") await jobEnds;
  return answer;
}

const MANAGEMENT = "Msvm_VirtualSystemManagementService";
const SNAPSHOTS = "Msvm_VirtualSystemSnapshotService";
const IMAGES = "Msvm_ImageManagementService";
const MIGRATION = "Msvm_VirtualSystemMigrationService";

const returned = (answer: Wire): string | undefined => textAt(answer.body, "ReturnValue");

async function resourcesOf({ client }: Started, id: string, className: string): Promise<readonly string[]> {
  const found = await client.query(
    `ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:${id}'} ` +
      `WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent ResultClass = ${className}`,
  );
  return found.map((one) => textAt(one, "InstanceID") ?? "");
}

describe("The services of a Hyper-V host", () => {
  it("add a drive, a disk in it, a port and its connection, each below its parent", async () => {
    await using simulator = await started(FAST, SEED);
    const config = settings("AffectedConfiguration", `Microsoft:${DB}`);
    const add = async (className: string, properties: Written): Promise<string> => {
      const text = embedded("ResourceSettings", className, properties);
      const answer = await call(simulator, MANAGEMENT, "AddResourceSettings", config + text);
      expect(returned(answer)).toBe("0");
      return selectorsOf(child(answer.body, "ResultingResourceSettings"))["InstanceID"] ?? "";
    };
    const path = (className: string, id: string): string =>
      `\\\\HVHOST1\\root\\virtualization\\v2:${className}.InstanceID="${id.replaceAll("\\", "\\\\")}"`;
    const [, ide = ""] = await resourcesOf(simulator, DB, "Msvm_ResourceAllocationSettingData");
    const drive = await add("Msvm_ResourceAllocationSettingData", {
      Parent: ["string", path("Msvm_ResourceAllocationSettingData", ide)],
      AddressOnParent: ["string", "1"],
      ResourceType: ["uint16", "17"],
      ResourceSubType: ["string", "Microsoft:Hyper-V:Synthetic Disk Drive"],
    });
    expect(drive).toBe(`${ide}\\1\\D`);
    const disk = await add("Msvm_StorageAllocationSettingData", {
      Parent: ["string", path("Msvm_ResourceAllocationSettingData", drive)],
      HostResource: ["string", ["C:\\VMs\\more.vhdx"]],
      ResourceType: ["uint16", "31"],
      ResourceSubType: ["string", "Microsoft:Hyper-V:Virtual Hard Disk"],
    });
    expect(disk).toBe(`${ide}\\1\\L`);
    const port = await add("Msvm_SyntheticEthernetPortSettingData", {
      ResourceType: ["uint16", "10"],
      ResourceSubType: ["string", "Microsoft:Hyper-V:Synthetic Ethernet Port"],
    });
    const connection = await add("Msvm_EthernetPortAllocationSettingData", {
      Parent: ["string", path("Msvm_SyntheticEthernetPortSettingData", port)],
      ResourceType: ["uint16", "33"],
      ResourceSubType: ["string", "Microsoft:Hyper-V:Ethernet Connection"],
    });
    expect(connection).toBe(`${port}\\C`);
    const doomed = referenceParameter("ResourceSettings", "Msvm_SyntheticEthernetPortSettingData", {
      InstanceID: port,
    });
    expect(returned(await call(simulator, MANAGEMENT, "RemoveResourceSettings", doomed))).toBe("0");
    expect(await resourcesOf(simulator, DB, "Msvm_SyntheticEthernetPortSettingData")).toEqual([]);
  });

  it.each([
    ["0", "32773", "takes no memory of nothing"],
    ["2048", "4096", "takes more memory"],
  ])("with %s MiB answers %s: it %s", async (quantity, code) => {
    await using simulator = await started(FAST, SEED);
    const [memory = ""] = await resourcesOf(simulator, DB, "Msvm_MemorySettingData");
    const text = embedded("ResourceSettings", "Msvm_MemorySettingData", {
      InstanceID: ["string", memory],
      VirtualQuantity: ["uint64", quantity],
    });
    expect(returned(await call(simulator, MANAGEMENT, "ModifyResourceSettings", text))).toBe(code);
  });

  it("change no processors of a guest that is on", async () => {
    await using simulator = await started(FAST, SEED);
    const [processor = ""] = await resourcesOf(simulator, WEB, "Msvm_ProcessorSettingData");
    const text = embedded("ResourceSettings", "Msvm_ProcessorSettingData", {
      InstanceID: ["string", processor],
      VirtualQuantity: ["uint64", "4"],
    });
    expect(returned(await call(simulator, MANAGEMENT, "ModifyResourceSettings", text))).toBe("32775");
  });

  it("say nothing of what a job made but by its association, where every change is a job", async () => {
    await using simulator = await started({ jobs: { when: "always", durationMs: 0 } }, SEED);
    const text = embedded("SystemSettings", "Msvm_VirtualSystemSettingData", {
      ElementName: ["string", "new"],
    });
    const answer = await call(simulator, MANAGEMENT, "DefineSystem", text);
    expect(child(answer.body, "ResultingSystem")?.children).toEqual([]);
    const { InstanceID: job = "" } = selectorsOf(child(answer.body, "Job"));
    const made = await simulator.client.query(
      `ASSOCIATORS OF {Msvm_ConcreteJob.InstanceID='${job}'} WHERE AssocClass = Msvm_AffectedJobElement`,
    );
    expect(made.map((one) => textAt(one, "ElementName"))).toEqual(["new"]);
  });

  it("sum up what is asked for of each guest, and of nothing else", async () => {
    await using simulator = await started(FAST, SEED);
    const wanted = [0, 1, 4, 100, 103].map((n) => `<p:RequestedInformation>${n}</p:RequestedInformation>`);
    const of = [WEB, DB].map((id) => settings("SettingData", `Microsoft:${id}`));
    const answer = await call(simulator, MANAGEMENT, "GetSummaryInformation", of.join("") + wanted.join(""));
    const seen = children(answer.body, "SummaryInformation").map((one) =>
      ["Name", "ElementName", "NumberOfProcessors", "EnabledState", "MemoryUsage", "UpTime"].map((p) =>
        textAt(one, p),
      ),
    );
    expect(seen).toEqual([
      [WEB, "web-1", "2", "2", "512", ""],
      [DB, "db-1", "1", "3", "", ""],
    ]);
  });

  it("take checkpoints one below the other, apply one and remove them", async () => {
    await using simulator = await started(FAST, SEED);
    const take = (): Promise<Wire> =>
      call(
        simulator,
        SNAPSHOTS,
        "CreateSnapshot",
        `${guest("AffectedSystem", DB)}<p:SnapshotType>2</p:SnapshotType>`,
      );
    const all = async (): Promise<readonly (readonly string[])[]> => {
      const found = await simulator.client.query(
        "SELECT * FROM Msvm_VirtualSystemSettingData WHERE VirtualSystemType = 'Microsoft:Hyper-V:Snapshot:Realized'",
      );
      return found.map((one) => [textAt(one, "InstanceID") ?? "", textAt(one, "Parent") ?? ""]);
    };
    await take();
    await take();
    const [[first = "", noParent] = [], [second = "", parent] = []] = await all();
    expect(noParent).toBe("");
    expect(parent).toContain(first);
    expect(returned(await call(simulator, SNAPSHOTS, "ApplySnapshot", settings("Snapshot", first)))).toBe(
      "4096",
    );
    const removed = settings("AffectedSnapshot", first);
    expect(returned(await call(simulator, SNAPSHOTS, "DestroySnapshot", removed))).toBe("4096");
    expect(await all()).toEqual([[second, ""]]);
    // The disk goes on in a differencing one.
    const [disk] = await simulator.client.query(
      `SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE 'Microsoft:${DB}%'`,
    );
    expect(textAt(disk, "HostResource")).toMatch(/^C:\\VMs\\db-1_[0-9A-F-]{36}\.avhdx$/);
  });

  it("apply no checkpoint to a guest that runs", async () => {
    await using simulator = await started(FAST, SEED);
    const taken = `${guest("AffectedSystem", WEB)}<p:SnapshotType>2</p:SnapshotType>`;
    await call(simulator, SNAPSHOTS, "CreateSnapshot", taken);
    const [checkpoint] = await simulator.client.query(
      `ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='${WEB}'} ` +
        "WHERE AssocClass = Msvm_SnapshotOfVirtualSystem",
    );
    const id = textAt(checkpoint, "InstanceID") ?? "";
    expect(returned(await call(simulator, SNAPSHOTS, "ApplySnapshot", settings("Snapshot", id)))).toBe(
      "32775",
    );
  });

  it("make disks, tell of them and make them larger", async () => {
    await using simulator = await started(FAST, SEED);
    const made = embedded("VirtualDiskSettingData", "Msvm_VirtualHardDiskSettingData", {
      Path: ["string", "C:\\VMs\\data.vhdx"],
      Type: ["uint16", "3"],
      Format: ["uint16", "3"],
      MaxInternalSize: ["uint64", "1073741824"],
    });
    expect(returned(await call(simulator, IMAGES, "CreateVirtualHardDisk", made))).toBe("4096");
    expect(returned(await call(simulator, IMAGES, "CreateVirtualHardDisk", made))).toBe("32773");
    const path = "<p:Path>c:\\vms\\DATA.vhdx</p:Path>";
    const larger = `${path}<p:MaxInternalSize>2147483648</p:MaxInternalSize>`;
    expect(returned(await call(simulator, IMAGES, "ResizeVirtualHardDisk", larger))).toBe("4096");
    const told = await call(simulator, IMAGES, "GetVirtualHardDiskSettingData", path);
    expect(readEmbedded(textAt(told.body, "SettingData") ?? "").values).toMatchObject({
      ...{ Path: "C:\\VMs\\data.vhdx", Type: 3, Format: 3 },
      MaxInternalSize: 2_147_483_648,
    });
    const nothing = await call(
      simulator,
      IMAGES,
      "GetVirtualHardDiskSettingData",
      "<p:Path>C:\\no.vhdx</p:Path>",
    );
    expect(returned(nothing)).toBe("32777");
  });

  it.each([
    ["HVHOST2", "4096", []],
    ["NOWHERE", "32768", [WEB]],
  ])("migrate to %s with the answer %s", async (destination, code, left) => {
    await using simulator = await started(FAST, SEED);
    const how = embedded("MigrationSettingData", "Msvm_VirtualSystemMigrationSettingData", {
      MigrationType: ["uint16", "32771"],
    });
    const answer = await call(
      ...([simulator, MIGRATION, "MigrateVirtualSystemToHost"] as const),
      `${guest("ComputerSystem", WEB)}<p:DestinationHost>${destination}</p:DestinationHost>${how}`,
    );
    expect(returned(answer)).toBe(code);
    const found = await simulator.client.query(`SELECT * FROM Msvm_ComputerSystem WHERE Name = '${WEB}'`);
    expect(found.map((one) => textAt(one, "Name"))).toEqual(left);
  });

  it("show what is on a guest's screen, as bytes in base64", async () => {
    await using simulator = await started(FAST, SEED);
    const size = "<p:WidthPixels>4</p:WidthPixels><p:HeightPixels>2</p:HeightPixels>";
    const of = (id: string): Promise<Wire> =>
      call(
        ...([simulator, MANAGEMENT, "GetVirtualSystemThumbnailImage"] as const),
        settings("TargetSystem", `Microsoft:${id}`) + size,
      );
    const picture = Buffer.from(textAt((await of(WEB)).body, "ImageData") ?? "", "base64");
    expect(picture).toHaveLength(4 * 2 * 2);
    expect(returned(await of(DB))).toBe("32775");
  });

  it("make switches, name them anew and remove those that have no ports", async () => {
    await using simulator = await started(FAST, {
      guests: [{ name: "web-1", macs: ["00155D010101"] }],
      switches: [{ name: "used", id: "S1" }],
    });
    const service = "Msvm_VirtualEthernetSwitchManagementService";
    const text = (more: Written): string =>
      embedded("SystemSettings", "Msvm_VirtualEthernetSwitchSettingData", more);
    const made = await call(simulator, service, "DefineSystem", text({ ElementName: ["string", "lan"] }));
    const keys = selectorsOf(child(made.body, "ResultingSystem"));
    const renamed = {
      InstanceID: ["string", `Microsoft:${keys["Name"]}`],
      ElementName: ["string", "wan"],
    } as const;
    await call(simulator, service, "ModifySystemSettings", text(renamed));
    const names = async (): Promise<readonly (string | undefined)[]> =>
      (await simulator.client.query("SELECT * FROM Msvm_VirtualEthernetSwitch")).map((one) =>
        textAt(one, "ElementName"),
      );
    expect(await names()).toEqual(["used", "wan"]);
    const remove = (of: Selectors): Promise<Wire> =>
      call(
        simulator,
        service,
        "DestroySystem",
        referenceParameter("AffectedSystem", "Msvm_VirtualEthernetSwitch", of),
      );
    expect(returned(await remove({ ...keys, Name: "S1" }))).toBe("32774");
    expect(returned(await remove(keys))).toBe("4096");
    expect(await names()).toEqual(["used"]);
  });

  it("let a guest with its checkpoints go to another host, where it goes on", async () => {
    await using source = await started(FAST, { ...SEED, hostName: "HV1" });
    await using destination = await started(FAST, { guests: [], hostName: "HV2" });
    introduce([source, destination]);
    await call(
      source,
      SNAPSHOTS,
      "CreateSnapshot",
      `${guest("AffectedSystem", DB)}<p:SnapshotType>2</p:SnapshotType>`,
    );
    const how = embedded("MigrationSettingData", "Msvm_VirtualSystemMigrationSettingData", {
      MigrationType: ["uint16", "32771"],
    });
    const migrate = (id: string): Promise<Wire> =>
      call(
        ...([source, MIGRATION, "MigrateVirtualSystemToHost"] as const),
        `${guest("ComputerSystem", id)}<p:DestinationHost>HV2</p:DestinationHost>${how}`,
      );
    await migrate(WEB);
    await migrate(DB);
    const guests = "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER";
    expect(await source.client.query(guests)).toEqual([]);
    const arrived = await destination.client.query(guests);
    expect(arrived.map((one) => [textAt(one, "ElementName"), textAt(one, "EnabledState")])).toEqual([
      ["web-1", "2"],
      ["db-1", "3"],
    ]);
    const disks = await destination.client.query("SELECT * FROM Msvm_StorageAllocationSettingData");
    expect(disks.map((disk) => textAt(disk, "Parent")?.slice(0, 6))).toEqual(["\\\\HV2\\", "\\\\HV2\\"]);
    const paths = disks.map((disk) => textAt(disk, "HostResource") ?? "").toSorted();
    expect(paths).toEqual(["C:\\VMs\\db-1.vhdx", expect.stringMatching(/db-1_.*avhdx$/)]);
    const told = await call(
      destination,
      IMAGES,
      "GetVirtualHardDiskSettingData",
      `<p:Path>${paths[1]}</p:Path>`,
    );
    expect(returned(told)).toBe("0");
  });

  it.each([
    ["4", "8", "terminated"],
    ["5", "9", "killed"],
  ])(
    "end a migration that is asked for the state %s: the job is in state %s, %s",
    async (requested, state) => {
      await using simulator = await started({ jobs: { durationMs: 60_000 } }, SEED);
      const how = embedded("MigrationSettingData", "Msvm_VirtualSystemMigrationSettingData", {
        MigrationType: ["uint16", "32768"],
      });
      const answer = await simulator.client.invoke(
        ...([MIGRATION, "MigrateVirtualSystemToHost", {}] as const),
        `${guest("ComputerSystem", WEB)}<p:DestinationHost>HVHOST2</p:DestinationHost>${how}`,
      );
      const job = selectorsOf(child(answer.body, "Job"));
      const end = (): Promise<Wire> =>
        simulator.client.invoke(
          ...(["Msvm_MigrationJob", "RequestStateChange", job] as const),
          `<p:RequestedState>${requested}</p:RequestedState>`,
        );
      expect(returned(await end())).toBe("0");
      expect(textAt((await simulator.client.get("Msvm_MigrationJob", job)).body, "JobState")).toBe(state);
      expect(returned(await end())).toBe("32775");
    },
  );

  it("tell how far a job is, and what went wrong with it", async () => {
    const jobFailures = [{ method: "*", code: 32_778 }];
    await using simulator = await started({ ...FAST, jobFailures }, { ...SEED, locale: "de-DE" });
    const half = simulator.next(({ target: { values } }) => values["PercentComplete"] === 50);
    const taken = `${guest("AffectedSystem", DB)}<p:SnapshotType>2</p:SnapshotType>`;
    const answer = await call(simulator, SNAPSHOTS, "CreateSnapshot", taken);
    await half;
    const job = selectorsOf(child(answer.body, "Job"));
    const said = await simulator.client.invoke("Msvm_ConcreteJob", "GetErrorEx", job);
    expect(textAt(said.body, "Errors")).toBe("Fehler beim Vorgang.");
  });

  it("ask the system in a guest to shut down, which may do it or not", async () => {
    await using simulator = await started({ guestShutdown: "ignores", guestShutdownMs: 0 }, SEED);
    const [component] = await simulator.client.query(
      `SELECT * FROM Msvm_ShutdownComponent WHERE SystemName = '${WEB}'`,
    );
    const keys = Object.fromEntries(
      ["SystemCreationClassName", "SystemName", "CreationClassName", "DeviceID"].map((key) => [
        key,
        textAt(component, key) ?? "",
      ]),
    );
    const ask = (): Promise<Wire> =>
      simulator.client.invoke(
        ...(["Msvm_ShutdownComponent", "InitiateShutdown", keys] as const),
        "<p:Force>false</p:Force><p:Reason>test</p:Reason>",
      );
    expect(returned(await ask())).toBe("0");
    expect(
      textAt((await simulator.client.get("Msvm_ComputerSystem", keysOf(WEB))).body, "EnabledState"),
    ).toBe("2");
    simulator.host.change({ guestShutdown: "obeys" });
    const off = simulator.next(
      ({ target: { values } }) => values["Name"] === WEB && values["EnabledState"] === 3,
    );
    await ask();
    await off;
    expect(returned(await ask())).toBe("32775");
  });
});
