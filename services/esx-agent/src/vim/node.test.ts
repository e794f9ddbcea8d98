import { at, bigAt, childrenOf, flagAt, numberAt, readNode, textAt } from "./node.ts";

const ANSWER = `<?xml version="1.0"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<R xmlns="urn:vim25"><val xmlns:XMLSchema-instance="x" XMLSchema-instance:type="vim:VirtualDisk">
<key>2000</key><capacityInBytes>9007199254740993</capacityInBytes><thin>1</thin><vm type="VirtualMachine">vm-1</vm>
<line>a &amp; b</line><line><![CDATA[<c>]]></line></val></R></soapenv:Body></soapenv:Envelope>`;

describe("an answer of vSphere", () => {
  const value = at(readNode(ANSWER), "Body", "R", "val");

  it("has its dynamic types and references, whatever the server calls the prefix", () => {
    expect(value).toMatchObject({ name: "val", type: "VirtualDisk" });
    expect(at(value, "vm")).toMatchObject({ refType: "VirtualMachine", text: "vm-1" });
  });

  it("is read as numbers, flags, texts and lists by those who know which", () => {
    expect(numberAt(value, "key")).toBe(2000);
    expect(bigAt(value, "capacityInBytes")).toBe(9_007_199_254_740_993n);
    expect(flagAt(value, "thin")).toBe(true);
    expect(childrenOf(value, "line").map((line) => line.text)).toEqual(["a & b", "<c>"]);
    expect(textAt(value, "nothing", "there")).toBeUndefined();
  });

  it.each([
    ["what is not well-formed", "<a><b></a>", /well-formed/],
    ["a document type", '<!DOCTYPE a [<!ENTITY e "x">]><a/>', /document type/],
    ["nothing", "", /empty|well-formed/],
    ["what nests without end", "<a>".repeat(100) + "</a>".repeat(100), /deeper than 64/],
  ])("is refused when it is %s", (_, xml, message) => {
    expect(() => readNode(xml)).toThrow(message);
  });

  it("is refused where a number is none", () => {
    expect(() => numberAt(readNode("<a><n>many</n></a>"), "n")).toThrow('n is "many"');
  });
});
