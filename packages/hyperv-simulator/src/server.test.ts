import {
  faultOf,
  message,
  referenceParameter,
  selectorsOf,
  textAt,
  uri,
  WireClient,
} from "./testing/client.ts";
import { started } from "./testing/started.ts";
import { TRANSFER } from "./wsman/namespaces.ts";
import { child } from "./xml/node.ts";

const WEB = "A1B2C3D4-0001-4000-8000-000000000001";
const SEED = {
  guests: [
    { name: "web-1", id: WEB, state: "running" as const },
    { name: "db-1", state: "off" as const },
  ],
};
const OF_WEB = { CreationClassName: "Msvm_ComputerSystem", Name: WEB };

describe("WS-Management at a Hyper-V host", () => {
  it("lets in nobody with a wrong password, and says how to come in", async () => {
    await using simulator = await started({}, SEED);
    const answer = await new WireClient(simulator.port, "Administrator", "wrong").enumerate(
      "Msvm_ComputerSystem",
    );
    expect(answer.status).toBe(401);
  });

  it("says what it is before anybody has said who they are", async () => {
    await using simulator = await started({}, SEED);
    const identify =
      '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>' +
      '<wsmid:Identify xmlns:wsmid="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/>' +
      "</s:Body></s:Envelope>";
    const stranger = new WireClient(simulator.port, "nobody", "");
    const answer = await stranger.post(identify, { wsmanidentify: "unauthenticated" });
    expect(textAt(answer.body, "ProductVendor")).toBe("Microsoft Corporation");
  });

  it("gives one item an answer, and a new context each time, until the last", async () => {
    await using simulator = await started({}, SEED);
    const first = textAt(
      (await simulator.client.enumerate("Msvm_ComputerSystem")).body,
      "EnumerationContext",
    );
    const host = await simulator.client.pull("Msvm_ComputerSystem", first ?? "");
    expect(textAt(host.body, "Items", "Msvm_ComputerSystem", "Name")).toBe("HVHOST1");
    const second = textAt(host.body, "EnumerationContext") ?? "";
    expect(second).not.toBe(first);
    expect(faultOf(await simulator.client.pull("Msvm_ComputerSystem", first ?? "")).subcode).toBe(
      "n:InvalidEnumerationContext",
    );
    const rest = await simulator.client.pull(
      "Msvm_ComputerSystem",
      second,
      "<n:MaxElements>10</n:MaxElements>",
    );
    expect(child(rest.body, "Items")?.children).toHaveLength(2);
    expect(rest.body.children.map((node) => node.name)).toEqual(["Items", "EndOfSequence"]);
  });

  it("forgets an enumeration that nobody goes on with", async () => {
    await using simulator = await started({ quotas: { enumerationTimeoutMs: 0 } }, SEED);
    const context = textAt(
      (await simulator.client.enumerate("Msvm_ComputerSystem")).body,
      "EnumerationContext",
    );
    await new Promise((later) => setTimeout(later, 5));
    const late = await simulator.client.pull("Msvm_ComputerSystem", context ?? "");
    expect(faultOf(late).subcode).toBe("n:InvalidEnumerationContext");
  });

  it("finds guests by WQL, and what belongs to them by their associations", async () => {
    await using simulator = await started({}, SEED);
    const guests = await simulator.client.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER");
    expect(guests.map((guest) => textAt(guest, "ElementName"))).toEqual(["web-1", "db-1"]);
    const [settings] = await simulator.client.query(
      `ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='${WEB.toLowerCase()}'} ` +
        "WHERE AssocClass = Msvm_SettingsDefineState ResultClass = Msvm_VirtualSystemSettingData",
    );
    expect(textAt(settings, "InstanceID")).toBe(`Microsoft:${WEB}`);
  });

  it.each([
    ["class", "SELECT * FROM Msvm_Nothing", "there is no class Msvm_Nothing"],
    ["property", "SELECT * FROM Msvm_ComputerSystem WHERE Colour = 1", "has no property Colour"],
    ["word", "SELECT * FROM Msvm_ComputerSystem WHERE Name ~ 1", "is no part of WQL"],
  ])("refuses a query with a %s that Microsoft's reference does not know", async (_, wql, why) => {
    await using simulator = await started({}, SEED);
    await expect(simulator.client.query(wql)).rejects.toThrow(why);
  });

  it.each([
    ["a part of its keys", { Name: WEB }, "a:DestinationUnreachable"],
    ["a key that it has not", { ...OF_WEB, Colour: "red" }, "w:InvalidSelectors"],
    ["the keys of nobody", { ...OF_WEB, Name: "nobody" }, "a:DestinationUnreachable"],
  ])("does not get a guest by %s", async (_, selectors, subcode) => {
    await using simulator = await started({}, SEED);
    const answer = await simulator.client.get("Msvm_ComputerSystem", selectors);
    expect([answer.status, faultOf(answer).subcode]).toEqual([500, subcode]);
  });

  it("changes the state of a guest by a job, which tells when it is done", async () => {
    await using simulator = await started({ jobs: { durationMs: 0 } }, SEED);
    const { client } = simulator;
    const over = simulator.jobEnds();
    const answer = await client.invoke(
      ...(["Msvm_ComputerSystem", "RequestStateChange", OF_WEB] as const),
      "<p:RequestedState>3</p:RequestedState>",
    );
    expect(textAt(answer.body, "ReturnValue")).toBe("4096");
    await over;
    const job = await client.get("Msvm_ConcreteJob", selectorsOf(child(answer.body, "Job")));
    expect(textAt(job.body, "JobState")).toBe("7");
    expect(textAt((await client.get("Msvm_ComputerSystem", OF_WEB)).body, "EnabledState")).toBe("3");
  });

  it("answers that a state does not allow what is asked", async () => {
    await using simulator = await started({}, SEED);
    const answer = await simulator.client.invoke(
      ...(["Msvm_ComputerSystem", "RequestStateChange", OF_WEB] as const),
      "<p:RequestedState>2</p:RequestedState>",
    );
    expect(textAt(answer.body, "ReturnValue")).toBe("32775");
    expect(child(answer.body, "Job")?.attributes).toContainEqual(
      expect.objectContaining({ name: "nil", value: "true" }),
    );
  });

  it.each([
    ["method", "Dance", "", "a:ActionNotSupported"],
    ["parameter", "RequestStateChange", "<p:Colour>1</p:Colour>", "w:InvalidParameter"],
    ["value", "RequestStateChange", "<p:RequestedState>70000</p:RequestedState>", "w:InvalidParameter"],
  ])("refuses a %s that the class does not have", async (_, method, parameters, subcode) => {
    await using simulator = await started({}, SEED);
    const answer = await simulator.client.invoke("Msvm_ComputerSystem", method, OF_WEB, parameters);
    expect(faultOf(answer).subcode).toBe(subcode);
  });

  it("defines a guest, and destroys it", async () => {
    await using simulator = await started({ jobs: { durationMs: 0 } }, SEED);
    const { client } = simulator;
    const service = "Msvm_VirtualSystemManagementService";
    const settings = instance("Msvm_VirtualSystemSettingData", { ElementName: ["string", "new-1"] });
    const defined = await client.invoke(
      service,
      "DefineSystem",
      {},
      `<p:SystemSettings>${settings}</p:SystemSettings>`,
    );
    const made = selectorsOf(child(defined.body, "ResultingSystem"));
    expect(textAt((await client.get("Msvm_ComputerSystem", made)).body, "ElementName")).toBe("new-1");
    const gone = simulator.next(
      ({ kind, target }) => kind === "deleted" && target.values["Name"] === made["Name"],
    );
    await client.invoke(
      service,
      "DestroySystem",
      {},
      referenceParameter("AffectedSystem", "Msvm_ComputerSystem", made),
    );
    await gone;
    expect(faultOf(await client.get("Msvm_ComputerSystem", made)).subcode).toBe("a:DestinationUnreachable");
  });

  it.each([
    ["class", instance("Msvm_Nothing", {}), "Msvm_Nothing"],
    ["property", instance("Msvm_VirtualSystemSettingData", { Colour: ["string", "red"] }), "Colour"],
    ["type", instance("Msvm_VirtualSystemSettingData", { ElementName: ["uint8", "1"] }), "uint8"],
  ])("takes no settings with a %s that Microsoft's reference does not know", async (_, settings, why) => {
    await using simulator = await started({}, SEED);
    const answer = await simulator.client.invoke(
      ...(["Msvm_VirtualSystemManagementService", "DefineSystem", {}] as const),
      `<p:SystemSettings>${settings}</p:SystemSettings>`,
    );
    expect(textAt(answer.body, "ReturnValue")).toBe("32773");
    expect(simulator.host.refused.at(-1)).toContain(why);
  });

  it.each(["drop before", "drop after"] as const)("ends a connection when it is told to %s", async (does) => {
    await using simulator = await started({ disturbances: [{ operation: "Get", does, times: 1 }] }, SEED);
    await expect(simulator.client.get("Msvm_ComputerSystem", OF_WEB)).rejects.toThrow("socket hang up");
    expect((await simulator.client.get("Msvm_ComputerSystem", OF_WEB)).status).toBe(200);
  });

  it.each([
    ["no XML", "<s:Envelope", "w:SchemaValidationError"],
    ["another SOAP", '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>', "s:VersionMismatch"],
    ["no action", '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>', "a:ActionNotSupported"],
    [
      "a document type",
      '<!DOCTYPE s [<!ENTITY a "b">]><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>',
      "w:SchemaValidationError",
    ],
  ])("answers %s by a fault", async (_, xml, subcode) => {
    await using simulator = await started({}, SEED);
    expect(faultOf(await simulator.client.post(xml)).subcode).toBe(subcode);
  });

  it("reads UTF-16, which clients of Windows write", async () => {
    await using simulator = await started({}, SEED);
    const text = message(`${TRANSFER}/Get`, uri("Msvm_ComputerSystem"), "", OF_WEB);
    const wide = Buffer.from(`\uFEFF${text}`, "utf16le");
    expect(textAt((await simulator.client.post(wide)).body, "ElementName")).toBe("web-1");
  });

  it("forgets a job some time after it has ended", async () => {
    await using simulator = await started({ jobs: { durationMs: 0, removeAfterMs: 0 } }, SEED);
    const gone = simulator.next(
      ({ kind, target }) => kind === "deleted" && target.className === "Msvm_ConcreteJob",
    );
    const answer = await simulator.client.invoke(
      ...(["Msvm_ComputerSystem", "RequestStateChange", OF_WEB] as const),
      "<p:RequestedState>9</p:RequestedState>",
    );
    await gone;
    const job = await simulator.client.get("Msvm_ConcreteJob", selectorsOf(child(answer.body, "Job")));
    expect(faultOf(job).subcode).toBe("a:DestinationUnreachable");
  });

  it("answers that an operation took too long when it is told to be slow", async () => {
    const slow = { operation: "Get", does: "delay" as const, delayMs: 60_000 };
    await using simulator = await started({ disturbances: [slow], quotas: { operationTimeoutMs: 1 } }, SEED);
    const answer = await simulator.client.get("Msvm_ComputerSystem", OF_WEB);
    expect(faultOf(answer)).toMatchObject({ subcode: "w:TimedOut", code: "2150858793" });
  });

  it("takes no more than so many operations of a user at once", async () => {
    await using simulator = await started({ quotas: { maxConcurrentOperationsPerUser: 1 } }, SEED);
    const { client, host } = simulator;
    const subscribed = await client.subscribe(
      "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Msvm_ComputerSystem'",
    );
    const begun = host.begins("Pull");
    const waiting = client.pull("*", textAt(subscribed.body, "EnumerationContext") ?? "");
    await begun;
    expect(faultOf(await client.get("Msvm_ComputerSystem", OF_WEB)).subcode).toBe("w:QuotaLimit");
    host.control("web-1", "off");
    expect((await waiting).status).toBe(200);
    expect((await client.get("Msvm_ComputerSystem", OF_WEB)).status).toBe(200);
  });

  it("takes no message that is larger than an envelope may be, and answers none", async () => {
    await using simulator = await started({ quotas: { maxEnvelopeBytes: 2048 } }, SEED);
    expect((await simulator.client.post(" ".repeat(4096))).status).toBe(413);
    expect(faultOf(await simulator.client.get("Msvm_ComputerSystem", OF_WEB)).subcode).toBe(
      "w:EncodingLimit",
    );
  });

  it("gives only as many items as fit into the envelope", async () => {
    await using simulator = await started({ quotas: { maxEnvelopeBytes: 4500 } }, SEED);
    const more = "<w:OptimizeEnumeration/><w:MaxElements>10</w:MaxElements>";
    const answer = await simulator.client.enumerate("Msvm_ComputerSystem", more);
    expect(child(answer.body, "Items")?.children).toHaveLength(1);
    expect(textAt(answer.body, "EnumerationContext")).not.toBe("");
  });

  it.each([
    ["EnumerateEPR", ["EndpointReference", "EndpointReference"]],
    ["EnumerateObjectAndEPR", ["Item", "Item"]],
  ])("enumerates as %s", async (mode, names) => {
    await using simulator = await started({}, SEED);
    const filter =
      '<w:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER</w:Filter>';
    const more = `<w:OptimizeEnumeration/><w:MaxElements>10</w:MaxElements><w:EnumerationMode>${mode}</w:EnumerationMode>`;
    const answer = await simulator.client.enumerate("*", more + filter);
    expect(child(answer.body, "Items")?.children.map((item) => item.name)).toEqual(names);
  });

  it("finds a service by a part of its keys, of which there is one", async () => {
    await using simulator = await started({}, SEED);
    const service = "Msvm_VirtualSystemManagementService";
    const answer = await simulator.client.get(service, { CreationClassName: service });
    expect(textAt(answer.body, "Name")).toBe("vmms");
  });

  it("shows that a guest is in bad health", async () => {
    await using simulator = await started({}, SEED);
    simulator.host.control("web-1", "paused", 25);
    const { body } = await simulator.client.get("Msvm_ComputerSystem", OF_WEB);
    expect(["EnabledState", "HealthState", "OperationalStatus"].map((name) => textAt(body, name))).toEqual([
      "9",
      "25",
      "3",
    ]);
  });

  it("says what a guest's system says of its addresses, while it runs", async () => {
    const guests = [
      { name: "web-1", state: "running" as const, macs: ["00155D010101"], addresses: ["192.0.2.7"] },
    ];
    await using simulator = await started({}, { guests });
    const ask = async (): Promise<string | undefined> => {
      const [said] = await simulator.client.query("SELECT * FROM Msvm_GuestNetworkAdapterConfiguration");
      return textAt(said, "IPAddresses");
    };
    expect(await ask()).toBe("192.0.2.7");
    simulator.host.control("web-1", "off");
    expect(await ask()).toBeUndefined();
  });

  it.each([{ colour: 1 }, { jobs: { colour: 1 } }, { quotas: { colour: 1 } }])(
    "has no setting of another name: %p",
    async (patch) => {
      await using simulator = await started({}, SEED);
      expect(() => simulator.host.change(patch as object)).toThrow('no "colour"');
    },
  );

  it("ends a job as an exception when it is told to, and lets the guest be as it was", async () => {
    const failure = { method: "RequestStateChange", code: 32768, description: "Datenträger voll" };
    await using simulator = await started({ jobs: { durationMs: 0 }, jobFailures: [failure] }, SEED);
    const { client } = simulator;
    const over = simulator.jobEnds();
    const answer = await client.invoke(
      ...(["Msvm_ComputerSystem", "RequestStateChange", OF_WEB] as const),
      "<p:RequestedState>9</p:RequestedState>",
    );
    await over;
    const job = await client.get("Msvm_ConcreteJob", selectorsOf(child(answer.body, "Job")));
    expect([textAt(job.body, "ErrorCode"), textAt(job.body, "ErrorDescription")]).toEqual([
      "32768",
      "Datenträger voll",
    ]);
    expect(textAt((await client.get("Msvm_ComputerSystem", OF_WEB)).body, "EnabledState")).toBe("2");
  });
});

function instance(
  className: string,
  properties: Readonly<Record<string, readonly [string, string]>>,
): string {
  const written = Object.entries(properties).map(
    ([name, [type, value]]) => `<PROPERTY NAME="${name}" TYPE="${type}"><VALUE>${value}</VALUE></PROPERTY>`,
  );
  return `<![CDATA[<INSTANCE CLASSNAME="${className}">${written.join("")}</INSTANCE>]]>`;
}
