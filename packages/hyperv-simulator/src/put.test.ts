import { faultOf, message, referenceParameter, textAt, uri } from "./testing/client.ts";
import { started } from "./testing/started.ts";
import { TRANSFER } from "./wsman/namespaces.ts";

const DRIVE = { DeviceID: "D:" };
const DB = { CreationClassName: "Msvm_ComputerSystem", Name: "A1B2C3D4-0001-4000-8000-000000000002" };
const SEED = { guests: [{ name: "db-1", id: DB.Name, state: "off" as const }] };

describe("Put at a Hyper-V host", () => {
  it("writes what Microsoft's reference says can be written, tells of it, and answers what there is then", async () => {
    await using simulator = await started();
    const told = simulator.next(
      ({ kind, target }) => kind === "modified" && target.values["DeviceID"] === "D:",
    );
    const answer = await simulator.client.put(
      ...(["Win32_LogicalDisk", DRIVE] as const),
      "<p:DeviceID>D:</p:DeviceID><p:VolumeName>Guests</p:VolumeName>",
    );
    expect(answer.body).toMatchObject({ name: "Win32_LogicalDisk", uri: uri("Win32_LogicalDisk") });
    expect([textAt(answer.body, "VolumeName"), textAt(answer.body, "FileSystem")]).toEqual([
      "Guests",
      "NTFS",
    ]);
    expect((await told).target.values["VolumeName"]).toBe("Guests");
    const { body } = await simulator.client.get("Win32_LogicalDisk", DRIVE);
    expect(textAt(body, "VolumeName")).toBe("Guests");
  });

  it("takes back a whole instance, dates and nulls too, in which only that has changed", async () => {
    await using simulator = await started();
    const [system] = await simulator.client.query("SELECT * FROM Win32_OperatingSystem", "root/cimv2");
    const keys = { Name: textAt(system, "Name") ?? "" };
    const { text } = await simulator.client.get("Win32_OperatingSystem", keys);
    const [whole = ""] = /<p:Win32_OperatingSystem .*<\/p:Win32_OperatingSystem>/s.exec(text) ?? [];
    const changed = whole.replace(/<p:Description[^>]*\/>/, "<p:Description>rack 7</p:Description>");
    const answer = await simulator.client.post(
      message(`${TRANSFER}/Put`, uri("Win32_OperatingSystem"), changed, keys),
    );
    expect([answer.status, textAt(answer.body, "Description")]).toEqual([200, "rack 7"]);
  });

  it.each([
    ["a property that is read-only", "<p:Size>1</p:Size>", "Win32_LogicalDisk.Size is read-only"],
    ["a property that there is not", "<p:Colour>red</p:Colour>", "has no property Colour"],
    ["a name twice", "<p:VolumeName>a</p:VolumeName><p:VolumeName>b</p:VolumeName>", "is given twice"],
  ])("refuses %s, and writes nothing", async (_, wrong, why) => {
    await using simulator = await started();
    const { client } = simulator;
    const answer = await client.put("Win32_LogicalDisk", DRIVE, `<p:VolumeName>x</p:VolumeName>${wrong}`);
    expect(faultOf(answer)).toMatchObject({
      subcode: "x:InvalidRepresentation",
      text: expect.stringContaining(why),
    });
    expect(answer.text).toContain("faultDetail/InvalidValues");
    expect(textAt((await client.get("Win32_LogicalDisk", DRIVE)).body, "VolumeName")).toBe("");
  });

  it("refuses an instance of another class", async () => {
    await using simulator = await started();
    const request = message(`${TRANSFER}/Put`, uri("Win32_LogicalDisk"), '<p:Other xmlns:p="o"/>', DRIVE);
    const answer = await simulator.client.post(request);
    expect(faultOf(answer).subcode).toBe("x:InvalidRepresentation");
    expect(answer.text).toContain("faultDetail/InvalidNamespace");
  });

  it.each([
    ["Msvm_ComputerSystem", DB],
    ["Msvm_VirtualSystemSettingData", { InstanceID: `Microsoft:${DB.Name}` }],
  ])("does not do it to %s, which changes by methods", async (className, selectors) => {
    await using simulator = await started({}, SEED);
    const answer = await simulator.client.put(className, selectors, "<p:ElementName>x</p:ElementName>");
    expect(faultOf(answer).subcode).toBe("a:ActionNotSupported");
  });

  it("does not find a guest that has been destroyed", async () => {
    await using simulator = await started({ jobs: { durationMs: 0 } }, SEED);
    const over = simulator.jobEnds();
    await simulator.client.invoke(
      ...(["Msvm_VirtualSystemManagementService", "DestroySystem", {}] as const),
      referenceParameter("AffectedSystem", "Msvm_ComputerSystem", DB),
    );
    await over;
    const answer = await simulator.client.put("Msvm_ComputerSystem", DB, "");
    expect(faultOf(answer).subcode).toBe("a:DestinationUnreachable");
  });
});
