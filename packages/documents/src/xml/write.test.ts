import fc from "fast-check";
import { refusal } from "../testing/refusal.ts";
import { keep } from "./keep.ts";
import { readXml } from "./read.ts";
import type { XmlTree } from "./tree.ts";
import { elementsOf } from "./tree.ts";
import { writeXml } from "./write.ts";

const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
const text = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((t) => !/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(t) && t.isWellFormed());
const leaf: fc.Arbitrary<XmlTree> = fc.record({
  name,
  attributes: fc.uniqueArray(fc.record({ name, value: text }), { selector: (a) => a.name, maxLength: 4 }),
  children: fc.oneof(
    fc.constant([]),
    text.map((t) => [t]),
  ),
});
const tree: fc.Arbitrary<XmlTree> = fc.oneof(
  leaf,
  fc.record({ name, attributes: fc.constant([]), children: fc.array(leaf, { maxLength: 4 }) }),
);

describe("writing XML", () => {
  it("gives back what was written, whatever the text", () => {
    fc.assert(fc.property(tree, (t) => expect(keep(readXml(writeXml(t)))).toEqual(t)));
  });

  it("leaves text next to elements as it was", () => {
    const mixed = "<p>one <b>two</b>  three\n</p>\n";
    expect(writeXml(keep(readXml(mixed)))).toBe(mixed);
  });

  it("declares on a kept subtree the namespaces it uses from outside", () => {
    const [inner] = elementsOf(readXml(`<a xmlns:x='u:x' xmlns:y='u:y'><x:b><c x:d='1'/></x:b></a>`));
    expect(inner && writeXml(keep(inner))).toBe(`<x:b xmlns:x='u:x'>\n  <c x:d='1'/>\n</x:b>\n`);
  });

  it("refuses text that XML cannot hold", () => {
    const bad: XmlTree = { name: "a", attributes: [], children: ["\0"] };
    expect(refusal(() => writeXml(bad)).reason).toBe("XML_INVALID");
  });
});
