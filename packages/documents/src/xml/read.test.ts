import { refusal } from "../testing/refusal.ts";
import { readXml, XML_LIMITS } from "./read.ts";
import { elementsOf, pathOf } from "./tree.ts";

describe("reading XML", () => {
  it("knows line and column of every element and attribute", () => {
    const root = readXml(`<a>\n  <b/>\n  <b x="1"\n     y='2'/>\n</a>`);
    const second = elementsOf(root)[1];
    expect(second && { line: second.line, column: second.column, path: pathOf(second) }).toEqual({
      line: 3,
      column: 3,
      path: "/a/b[2]",
    });
    expect(second?.attributes.map(({ name, line, column }) => ({ name, line, column }))).toEqual([
      { name: "x", line: 3, column: 6 },
      { name: "y", line: 4, column: 6 },
    ]);
  });

  it("finds an attribute whose name is also in its value and in the one before", () => {
    const root = readXml(`<a dev="x dev='y'" evdev='dev'/>`);
    expect(root.attributes.map((a) => a.column)).toEqual([4, 20]);
  });

  it("reads the predefined and numeric entities and CDATA as text, and skips comments", () => {
    const root = readXml("<a>&lt;&amp;&#65;<!-- no --><![CDATA[<b>]]></a>");
    expect(root.children).toEqual(["<&A<b>"]);
  });

  it.each([
    ["truncated", "<domain type='kvm'><name>x</na", "XML_SYNTAX"],
    ["cut off between elements", "<a><b></b>", "XML_SYNTAX"],
    ["empty", "", "XML_SYNTAX"],
    ["only blanks", " \n ", "XML_SYNTAX"],
    ["not XML", "{}", "XML_SYNTAX"],
    ["with two roots", "<a/><b/>", "XML_SYNTAX"],
    ["with an attribute twice", "<a x='1' x='2'/>", "XML_SYNTAX"],
    ["with an undeclared prefix", "<q:a/>", "XML_SYNTAX"],
    ["with a NUL byte", "<a>\0</a>", "XML_SYNTAX"],
    ["with a numeric NUL", "<a>&#0;</a>", "XML_SYNTAX"],
    ["with an unknown entity", "<a>&secret;</a>", "XML_SYNTAX"],
    ["with a DTD", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "XML_FORBIDDEN"],
    ["with a stylesheet", "<?xml-stylesheet href='x'?><a/>", "XML_FORBIDDEN"],
  ])("refuses a document that is %s", (_, xml, reason) => {
    expect(refusal(() => readXml(xml)).reason).toBe(reason);
  });

  it("says where a malformed document goes wrong", () => {
    const { message, context } = refusal(() => readXml("<a>\n  <b></c>\n</a>"));
    expect(message).toMatch(/not well-formed.* at \/a.* \(line 2, column \d+\)/);
    expect(context.metadata?.["line"]).toBe("2");
  });

  it("never expands entities of a document", () => {
    const bomb = `<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>`;
    expect(refusal(() => readXml(bomb)).reason).toBe("XML_FORBIDDEN");
  });

  it.each([
    ["more than 1 MiB", `<a>${"x".repeat(5 * 1024 * 1024)}</a>`],
    ["10,000 levels", "<a>".repeat(10_000)],
    ["a flood of attributes", `<a ${Array.from({ length: 5000 }, (_, i) => `a${i}='1'`).join(" ")}/>`],
    ["a flood of elements", `<a>${"<b/>".repeat(XML_LIMITS.elements + 1)}</a>`],
  ])("refuses %s", (_, xml) => {
    expect(refusal(() => readXml(xml)).reason).toBe("XML_LIMIT");
  });
});
