import { referenceParameter, selectorsOf, textAt, type Wire } from "./testing/client.ts";
import { introduce } from "./server.ts";
import { type Started, started } from "./testing/started.ts";
import { escapeXml } from "./xml/write.ts";
import { child } from "./xml/node.ts";

const WEB = "A1B2C3D4-0001-4000-8000-000000000001";
const DISK = "C:\\VMs\\web.vhdx";
const FAST = { jobs: { durationMs: 0 } };
const WEB_SEED = { name: "web", id: WEB, state: "running" as const, disks: [{ path: DISK }] };
const SERVICE = "Msvm_VirtualSystemMigrationService";
const TYPE = { guest: "32768", storage: "32769", staged: "32770", guestAndStorage: "32771" } as const;

const keysOf = (className: string): Readonly<Record<string, string>> => ({
  CreationClassName: className,
  Name: WEB,
});

function property(name: string, type: string, value: string): string {
  return `<PROPERTY NAME="${name}" TYPE="${type}"><VALUE>${escapeXml(value)}</VALUE></PROPERTY>`;
}

function instance(parameter: string, className: string, properties: string): string {
  return `<p:${parameter}>${escapeXml(`<INSTANCE CLASSNAME="${className}">${properties}</INSTANCE>`)}</p:${parameter}>`;
}

/** Parameters as Microsoft's own sample of migrations gives them. */
function parameters(type: keyof typeof TYPE, more = "", { destination = "HV2", disk = "" } = {}): string {
  const settings =
    property("MigrationType", "uint16", TYPE[type]) + property("TransportType", "uint16", "5") + more;
  return [
    referenceParameter("ComputerSystem", "Msvm_ComputerSystem", keysOf("Msvm_ComputerSystem")),
    destination === "" ? "" : `<p:DestinationHost>${destination}</p:DestinationHost>`,
    instance("MigrationSettingData", "Msvm_VirtualSystemMigrationSettingData", settings),
    disk,
  ].join("");
}

/** The job's state, and what it says. */
async function run(at: Started, method: string, given: string): Promise<readonly [string, string]> {
  const ended = at.jobEnds();
  const answer = await at.client.invoke(SERVICE, method, {}, given);
  const code = textAt(answer.body, "ReturnValue") ?? "";
  if (code !== "4096") return [code, ""];
  await ended;
  const job = await at.client.get("Msvm_MigrationJob", selectorsOf(child(answer.body, "Job")));
  return [textAt(job.body, "JobState") ?? "", textAt(job.body, "ErrorDescription") ?? ""];
}

async function names(at: Started, className: string): Promise<readonly (string | undefined)[]> {
  const found = await at.client.query(`SELECT * FROM ${className} WHERE Name = '${WEB}'`);
  return found.map((one) => textAt(one, "ElementName"));
}

async function diskOf(at: Started): Promise<readonly [id: string, path: string]> {
  const [disk] = await at.client.query("SELECT * FROM Msvm_StorageAllocationSettingData");
  return [textAt(disk, "InstanceID") ?? "", textAt(disk, "HostResource") ?? ""];
}

function diskAt(id: string, path: string): string {
  const array = `<PROPERTY.ARRAY NAME="HostResource" TYPE="string"><VALUE.ARRAY><VALUE>${escapeXml(path)}</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>`;
  const all = property("InstanceID", "string", id) + property("PoolID", "string", "") + array;
  return instance("NewResourceSettingData", "Msvm_StorageAllocationSettingData", all);
}

async function pair(): Promise<{ readonly from: Started; readonly to: Started } & AsyncDisposable> {
  const from = await started(FAST, { hostName: "HV1", guests: [WEB_SEED] });
  const to = await started(FAST, { hostName: "HV2", guests: [] });
  introduce([from, to]);
  const end = async (): Promise<void> => {
    await from[Symbol.asyncDispose]();
    await to[Symbol.asyncDispose]();
  };
  return { from, to, [Symbol.asyncDispose]: end };
}

const COMPLETED = ["7", ""];

describe("A migration between Hyper-V hosts", () => {
  it("is refused without its disks when only its host has them, by a check that changes nothing", async () => {
    await using hosts = await pair();
    const check = "CheckVirtualSystemIsMigratable";
    const [state, why] = await run(hosts.from, check, parameters("guest"));
    expect([state, why]).toEqual(["10", expect.stringContaining("lies on HV1 alone")]);
    expect(await run(hosts.from, check, parameters("guestAndStorage"))).toEqual(COMPLETED);
    expect(await names(hosts.from, "Msvm_ComputerSystem")).toEqual(["web"]);
  });

  it("puts the disks where that was asked for, and where the other host keeps its own without a path", async () => {
    await using hosts = await pair();
    const [id] = await diskOf(hosts.from);
    const given = parameters("guestAndStorage", "", { disk: diskAt(id, "") });
    expect(await run(hosts.from, "MigrateVirtualSystemToHost", given)).toEqual(COMPLETED);
    const [, path] = await diskOf(hosts.to);
    expect(path).toBe("C:\\Users\\Public\\Documents\\Hyper-V\\Virtual Hard Disks\\web.vhdx");
    expect(hosts.from.host.disks.find(DISK)).toBeUndefined();
  });

  it("goes into what was planned for it there, and nowhere without it", async () => {
    await using hosts = await pair();
    const into = property("DestinationPlannedVirtualSystemId", "string", WEB);
    const go = (): Promise<readonly [string, string]> =>
      run(hosts.from, "MigrateVirtualSystemToHost", parameters("guestAndStorage", into));
    expect(await go()).toEqual(["10", expect.stringContaining("no planned system")]);
    await run(hosts.from, "MigrateVirtualSystemToHost", parameters("staged"));
    expect(await names(hosts.to, "Msvm_PlannedComputerSystem")).toEqual(["web"]);
    expect(await names(hosts.from, "Msvm_ComputerSystem")).toEqual(["web"]);
    expect(await go()).toEqual(COMPLETED);
    expect(await names(hosts.to, "Msvm_PlannedComputerSystem")).toEqual([]);
    expect(await names(hosts.to, "Msvm_ComputerSystem")).toEqual(["web"]);
  });

  it("lets nobody remove what it goes into while it is on its way", async () => {
    await using hosts = await pair();
    await run(hosts.from, "MigrateVirtualSystemToHost", parameters("staged"));
    hosts.from.host.change({ jobs: { durationMs: 60_000 } });
    const into = property("DestinationPlannedVirtualSystemId", "string", WEB);
    const answer = await hosts.from.client.invoke(
      ...([SERVICE, "MigrateVirtualSystemToHost", {}] as const),
      parameters("guestAndStorage", into),
    );
    const remove = (): Promise<Wire> =>
      hosts.to.client.invoke(
        ...(["Msvm_VirtualSystemManagementService", "DestroySystem", {}] as const),
        referenceParameter(
          ...(["AffectedSystem", "Msvm_PlannedComputerSystem"] as const),
          keysOf("Msvm_PlannedComputerSystem"),
        ),
      );
    expect(textAt((await remove()).body, "ReturnValue")).toBe("32774");
    await hosts.from.client.invoke(
      ...(["Msvm_MigrationJob", "RequestStateChange", selectorsOf(child(answer.body, "Job"))] as const),
      "<p:RequestedState>4</p:RequestedState>",
    );
    const removed = hosts.to.jobEnds();
    await remove();
    await removed;
    expect(await names(hosts.to, "Msvm_PlannedComputerSystem")).toEqual([]);
  });

  it("of storage alone stays on the host, and writes over nothing", async () => {
    await using hosts = await pair();
    const [id] = await diskOf(hosts.from);
    const move = (path: string): Promise<readonly [string, string]> =>
      run(
        ...([hosts.from, "MigrateVirtualSystemToHost"] as const),
        parameters("storage", "", { destination: "", disk: diskAt(id, path) }),
      );
    expect(await move(DISK)).toEqual(["10", expect.stringContaining("already")]);
    expect(await move("D:\\web.vhdx")).toEqual(COMPLETED);
    expect((await diskOf(hosts.from))[1]).toBe("D:\\web.vhdx");
    expect(hosts.from.host.disks.find(DISK)).toBeUndefined();
  });

  it("is refused by a transport that Hyper-V has not", async () => {
    await using hosts = await pair();
    const given = parameters("guestAndStorage").replace("&lt;VALUE&gt;5&lt;", "&lt;VALUE&gt;3&lt;");
    expect(await run(hosts.from, "MigrateVirtualSystemToHost", given)).toEqual(["32773", ""]);
  });
});
