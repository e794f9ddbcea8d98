import fc from "fast-check";
import { readCimXml, writeCimXml } from "./cim-xml.ts";
import { readAnswer, writeEnvelope } from "./envelope.ts";
import { isTimedOut, WsmanFault } from "./errors.ts";
import { NS, wmiUri } from "./namespaces.ts";
import { readInstance, readReference, writeValues } from "./values.ts";
import { at, readXml, textAt } from "./xml.ts";

const RESOURCE = wmiUri("root/virtualization/v2", "Msvm_ComputerSystem");
const text = fc.stringMatching(/^[\t\n\r\x20-\x7e\u00a0-\ud7ff]*$/);

function request(body: string): string {
  return writeEnvelope({
    action: `${RESOURCE}/X`,
    to: "https://host:5986/wsman",
    messageId: "uuid:1",
    resourceUri: RESOURCE,
    selectors: { Name: "a&b" },
    timeoutMs: 60_000,
    body,
  });
}

function fault(code: string, inside: string): string {
  return `<s:Envelope xmlns:s="${NS.soap}" xmlns:a="${NS.addressing}" xmlns:w="${NS.wsman}"><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:TimedOut</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">reason</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="${NS.fault}" Code="${code}" Machine="h"><f:Message>${inside}</f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>`;
}

describe("an envelope", () => {
  it("has what WS-Management wants of every request", () => {
    const header = at(readXml(request("")), "Header");
    expect(textAt(header, "To")).toBe("https://host:5986/wsman");
    expect(textAt(header, "ResourceURI")).toBe(RESOURCE);
    expect(textAt(header, "Action")).toBe(`${RESOURCE}/X`);
    expect(textAt(header, "MessageID")).toBe("uuid:1");
    expect(textAt(header, "OperationTimeout")).toBe("PT60.000S");
    expect(textAt(header, "ReplyTo", "Address")).toMatch(/anonymous$/);
    expect(at(header, "SelectorSet", "Selector")?.text).toBe("a&b");
    expect(at(header, "Action")?.attributes.get("mustUnderstand")).toBe("true");
  });

  it("carries any text unharmed, in a parameter, in a key and in an instance", () => {
    fc.assert(
      fc.property(text, (value) => {
        const reference = { resourceUri: RESOURCE, selectors: { InstanceID: value } };
        const body = `<p:X_INPUT>${writeValues({ Text: value, Ref: reference })}</p:X_INPUT>`;
        const sent = at(readXml(request(body)), "Body", "X_INPUT");
        expect(at(sent, "Text")?.text).toBe(value);
        expect(readReference(at(sent, "Ref") ?? readXml("<x/>"))).toEqual(reference);
        const embedded = writeCimXml("C", [{ name: "A", type: "string", value: [value, "x"] }]);
        expect(readCimXml(embedded).properties.get("A")).toEqual([value, "x"]);
      }),
    );
  });

  it("refuses what XML cannot carry", () => {
    expect(() => writeValues({ Text: "a\u0000b" })).toThrow(/control characters/);
    expect(() => readXml('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>')).toThrow(/document type/);
  });

  it("is taken as the answer to its own request only", () => {
    const other = `<s:Envelope xmlns:s="${NS.soap}" xmlns:a="${NS.addressing}"><s:Header><a:RelatesTo>uuid:2</a:RelatesTo></s:Header><s:Body/></s:Envelope>`;
    expect(() => readAnswer(other, "X", "uuid:1")).toThrow(/answer is to uuid:2/);
    expect(readAnswer(other, "X", "uuid:2")).toBeUndefined();
  });

  it("is a fault with Microsoft's code and what the provider said", () => {
    const provider = "<f:ProviderFault><f:ExtendedError>no  such\n thing</f:ExtendedError></f:ProviderFault>";
    const error = (() => {
      try {
        return readAnswer(fault("2150858793", provider), "Pull");
      } catch (e) {
        return e;
      }
    })();
    expect(error).toBeInstanceOf(WsmanFault);
    expect(error).toMatchObject({ subcode: "TimedOut", code: 2150858793, message: "no such thing" });
    expect(isTimedOut(error)).toBe(true);
  });
});

describe("a value", () => {
  it("is null, a moment, a list, a reference in its own element, or an instance of the class it says", () => {
    const node = readXml(
      `<p:X xmlns:p="p" xmlns:a="${NS.addressing}" xmlns:w="${NS.wsman}" xmlns:c="${NS.cim}" xmlns:xsi="${NS.instance}">
       <p:None xsi:nil="true"/><p:When><c:Datetime>2026-01-01T00:00:00Z</c:Datetime></p:When><p:Many>1</p:Many><p:Many>2</p:Many>
       <p:Ref><a:EndpointReference><a:Address/><a:ReferenceParameters><w:ResourceURI>r</w:ResourceURI></a:ReferenceParameters></a:EndpointReference></p:Ref>
       <p:Inside xsi:type="q:Msvm_Y_Type"><q:A xmlns:q="q">1</q:A></p:Inside></p:X>`,
    );
    const { properties } = readInstance(node);
    expect(properties.get("None")).toEqual([null]);
    expect(properties.get("When")).toEqual(["2026-01-01T00:00:00Z"]);
    expect(properties.get("Many")).toEqual(["1", "2"]);
    expect(properties.get("Ref")).toEqual([{ resourceUri: "r", selectors: {} }]);
    expect(properties.get("Inside")).toEqual([{ className: "Msvm_Y", properties: new Map([["A", ["1"]]]) }]);
  });
});
