import { request } from "node:https";
import { type HypervSimulator, startHypervSimulator } from "@virtmesh/lab/hyperv-simulator";

jest.setTimeout(120_000);

const GET = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"><s:Header><a:Action>http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate</a:Action><w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/*</w:ResourceURI><a:MessageID>uuid:1</a:MessageID></s:Header><s:Body><n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>9</w:MaxElements><w:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'one'</w:Filter></n:Enumerate></s:Body></s:Envelope>`;

/** The EnabledState of the guest "one", over TLS that is checked. */
function stateOf({ port, ca, user, password }: HypervSimulator): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const call = request({
    ...{ host: "127.0.0.1", port, ca, path: "/wsman", method: "POST", auth: `${user}:${password}` },
    headers: { "content-type": "application/soap+xml;charset=UTF-8" },
  });
  call.on("error", reject);
  call.on("response", (response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => (text += chunk.toString()));
    response.on("end", () => resolve(/<p:EnabledState>(\d+)</.exec(text)?.[1]));
  });
  call.end(GET);
  return promise;
}

describe("The Hyper-V simulator as a process", () => {
  it("serves over TLS, is told what to do, says what it refused, and forgets all of it when it starts again", async () => {
    await using simulator = await startHypervSimulator({
      seed: { guests: [{ name: "one", state: "running" }] },
    });
    expect(await stateOf(simulator)).toBe("2");
    await simulator.setGuest("one", "off");
    expect(await stateOf(simulator)).toBe("3");
    await simulator.settings({ disturbances: [{ operation: "Enumerate", does: "drop before", times: 1 }] });
    await expect(stateOf(simulator)).rejects.toThrow("socket hang up");
    await stateOf({ ...simulator, password: "wrong" });
    expect(await simulator.refused()).toEqual(["what came as Authorization lets nobody in"]);
    await simulator.restart();
    expect(await stateOf(simulator)).toBe("2");
  });

  it.each(["settings", "seed"])("does not start with %s that it does not know", async (part) => {
    const options: object = { transport: "plain", [part]: { colour: 1 } };
    await expect(startHypervSimulator(options)).rejects.toThrow('no "colour"');
  });

  it("says that there is no guest of a name", async () => {
    await using simulator = await startHypervSimulator({ transport: "plain" });
    await expect(simulator.setGuest("nobody", "off")).rejects.toThrow("404");
  });
});
