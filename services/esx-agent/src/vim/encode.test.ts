import fc from "fast-check";
import { anyString, encodeCall, reference } from "./encode.ts";
import { at, readNode, textAt } from "./node.ts";

const VM = reference("VirtualMachine", "vm-1");

describe("a call of vSphere", () => {
  it("names its object first and keeps the order of its fields", () => {
    expect(
      encodeCall("ReconfigVM_Task", VM, { spec: { numCPUs: 2, memoryMB: 64n, flags: undefined } }),
    ).toContain(
      '<ReconfigVM_Task xmlns="urn:vim25"><_this type="VirtualMachine">vm-1</_this><spec><numCPUs>2</numCPUs><memoryMB>64</memoryMB></spec></ReconfigVM_Task>',
    );
  });

  it("writes a list as an element for each, and dynamic types where they are named", () => {
    const sent = encodeCall("X", VM, { device: [{ $type: "VirtualDisk", key: -1 }, { key: -2 }] });
    expect(sent).toContain(
      '<device xsi:type="VirtualDisk"><key>-1</key></device><device><key>-2</key></device>',
    );
    expect(encodeCall("X", VM, { value: anyString("a") })).toContain(
      '<value xsi:type="xsd:string">a</value>',
    );
  });

  it("carries any text unharmed", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x20-\x7e\u00a0-\ud7ff]*$/), (text) => {
        expect(textAt(at(readNode(encodeCall("X", VM, { text })), "Body", "X"), "text")).toBe(text);
      }),
    );
  });
});
