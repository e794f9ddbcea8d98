import { wmiUri } from "../wsman/namespaces.ts";
import { representationOf } from "./write.ts";

const SYSTEM = { resourceUri: wmiUri("root/cimv2", "Win32_OperatingSystem"), selectors: { Name: "Windows" } };

describe("what Put sends of an instance", () => {
  it("is its keys and what changes, in the order of its class", () => {
    const sent = representationOf("Win32_OperatingSystem", SYSTEM, { QuantumType: 1, Description: "rack 7" });
    expect(Object.entries(sent)).toEqual([
      ["Description", "rack 7"],
      ["Name", "Windows"],
      ["QuantumType", 1],
    ]);
  });

  it.each([
    ["is read-only", { Version: "11" }, /^Win32_OperatingSystem.Version is read-only: .*Description/],
    ["its class has not", { Colour: "red" }, /^Win32_OperatingSystem.Colour does not exist/],
  ])("is nothing when something given %s", (_, changes, message) => {
    const given = { Description: "rack 7", ...changes };
    expect(() => representationOf("Win32_OperatingSystem", SYSTEM, given)).toThrow(message);
  });
});
