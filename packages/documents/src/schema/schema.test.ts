import { refusal } from "../testing/refusal.ts";
import { document } from "./document.ts";
import { big, hex, int, nonEmpty, oneOf, text, unitBytes, yesNo } from "./kinds.ts";
import {
  amount,
  amountAttribute,
  attribute,
  child,
  defaulted,
  kept,
  marker,
  maybe,
  optional,
  repeated,
  textChild,
} from "./parts.ts";
import type { ModelOf } from "./schema.ts";
import { choice, element } from "./schema.ts";

const schema = element({
  name: textChild("name", nonEmpty),
  size: optional(child("size", element({ bytes: amount() }))),
  colour: defaulted(attribute("colour", oneOf("red", "green")), "red" as const),
  locked: marker("locked"),
  extra: kept("extra"),
  wheels: repeated(
    "wheel",
    choice(
      "type",
      { wood: { rings: maybe("rings", int(1)) }, steel: { rusty: maybe("rusty", yesNo) } },
      { fallback: "wood" },
    ),
  ),
});
const cart = document("cart", schema);
const model: ModelOf<typeof schema> = {
  name: "a",
  colour: "green",
  size: { bytes: 2048n },
  locked: true,
  wheels: [{ type: "wood", rings: 3 }, { type: "steel" }],
};

describe("a schema", () => {
  it("reads elements in any order and writes them in its own", () => {
    const xml = `<cart colour="green"><wheel rings="3"/><locked/><wheel type="steel"/><size unit="k">2</size><name>a</name></cart>`;
    expect(cart.parse(xml)).toEqual(model);
    expect(
      cart
        .format(model)
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual([
      "<cart colour='green'>",
      "<name>a</name>",
      "<size unit='KiB'>2</size>",
      "<locked/>",
      "<wheel type='wood' rings='3'/>",
      "<wheel type='steel'/>",
      "</cart>",
      "",
    ]);
  });

  it.each([
    [
      "an unknown attribute",
      `<cart\n  tint='1'><name>a</name></cart>`,
      "XML_UNKNOWN",
      `unknown attribute "tint" at /cart/@tint (line 2, column 3)`,
    ],
    [
      "an unknown element",
      `<cart><name>a</name>\n<sail/></cart>`,
      "XML_UNKNOWN",
      "unknown element <sail> at /cart/sail (line 2, column 1)",
    ],
    [
      "an element of another namespace",
      `<cart xmlns:x='u:x'><x:name>a</x:name></cart>`,
      "XML_INVALID",
      "<cart> has no element <name>",
    ],
    [
      "an attribute of another variant",
      `<cart><name>a</name><wheel type='steel' rings='3'/></cart>`,
      "XML_UNKNOWN",
      "/cart/wheel/@rings",
    ],
    ["stray text", `<cart><name>a</name>oops</cart>`, "XML_UNKNOWN", `unexpected text "oops"`],
    [
      "a missing element",
      "<cart/>",
      "XML_INVALID",
      "<cart> has no element <name> at /cart (line 1, column 1)",
    ],
    [
      "a second element",
      "<cart><name>a</name><name>b</name></cart>",
      "XML_INVALID",
      "a second <name> at /cart/name[2]",
    ],
    [
      "a bad value",
      `<cart colour='blue'><name>a</name></cart>`,
      "XML_INVALID",
      `attribute "colour" is "blue" at /cart/@colour (line 1, column 7); it must be red, green`,
    ],
    [
      "an unknown variant",
      `<cart><name>a</name><wheel type='ice'/></cart>`,
      "XML_INVALID",
      "it must be one of wood, steel",
    ],
    [
      "a variant called like a property of objects",
      `<cart><name>a</name><wheel type='constructor'/></cart>`,
      "XML_INVALID",
      "one of wood",
    ],
    [
      "a unit nobody knows",
      "<cart><name>a</name><size unit='stone'>1</size></cart>",
      "XML_INVALID",
      `attribute "unit" is "stone"`,
    ],
    ["another document", "<car/>", "XML_INVALID", "the document is a <car>"],
  ])("refuses %s by name and place", (_, xml, reason, message) => {
    const error = refusal(() => cart.parse(xml));
    expect(error.reason).toBe(reason);
    expect(error.message).toContain(message);
  });
});

describe("an amount", () => {
  it("that is not there may have a unit, as libvirt takes no notice of it", () => {
    const granule = document("granule", element({ bytes: optional(amountAttribute("size")) }));
    expect(granule.parse("<granule unit='KiB'/>")).toEqual({});
    expect(granule.parse("<granule size='2' unit='KiB'/>")).toEqual({ bytes: 2048n });
  });

  it("is refused when it has more than 64 bits of bytes", () => {
    const xml = "<cart><name>a</name><size unit='EiB'>16</size></cart>";
    expect(refusal(() => cart.parse(xml)).message).toContain("it must be less than 2^64 bytes");
  });
});

describe("kinds of values", () => {
  it.each([
    [int(1, 9), "9", 9],
    [int(1, 9), "10", undefined],
    [int(1, 9), "0x5", undefined],
    [int(-5), "-5", -5],
    [hex(0x1f, 2), "0x1f", 31],
    [hex(0x1f, 2), "31", 31],
    [hex(0x1f, 2), "0x20", undefined],
    [big, "18446744073709551615", 2n ** 64n - 1n],
    [big, "18446744073709551616", undefined],
    [yesNo, "true", undefined],
    [text, "", ""],
  ])("%o reads %j as %p", (kind, raw, value) => {
    expect(kind.parse(raw)).toBe(value);
  });

  it.each([
    ["KiB", 1024n],
    ["k", 1024n],
    ["KB", 1000n],
    ["GiB", 1024n ** 3n],
    ["bytes", 1n],
    ["furlong", undefined],
  ])("a %s is %p bytes", (unit, bytes) => {
    expect(unitBytes(unit)).toBe(bytes);
  });
});

describe("a schema says of itself", () => {
  const items = schema.describe();

  it("what an element has, what is required and what is taken for what is not there", () => {
    expect(items.map((item) => [item.kind, "name" in item ? item.name : "", item.presence])).toEqual([
      ["element", "name", { is: "required" }],
      ["element", "size", { is: "optional" }],
      ["attribute", "colour", { is: "defaulted", value: "red" }],
      ["element", "locked", { is: "optional" }],
      ["kept", "extra", { is: "optional" }],
      ["element", "wheel", { is: "optional" }],
    ]);
  });

  it("what values are allowed, one level further down", () => {
    const size = items.find((item) => item.kind === "element" && item.name === "size");
    expect(size?.kind === "element" && size.schema.describe()).toMatchObject([
      { kind: "text", allowed: "a whole number below 2^64", presence: { is: "required" } },
      {
        kind: "attribute",
        name: "unit",
        allowed: "bytes, KiB, MiB, GiB, TiB, PiB, EiB, KB, MB ...",
        presence: { is: "defaulted", value: "KiB" },
      },
    ]);
  });

  it("what each variant has", () => {
    const wheel = items.find((item) => item.kind === "element" && item.name === "wheel");
    expect(wheel?.kind === "element" && wheel.schema.describe()).toMatchObject([
      {
        kind: "choice",
        attribute: "type",
        presence: { is: "defaulted", value: "wood" },
        variants: [
          {
            name: "wood",
            items: [
              {
                kind: "attribute",
                name: "rings",
                allowed: "a whole number of at least 1",
                texts: { from: 1n, to: BigInt(Number.MAX_SAFE_INTEGER) },
                presence: { is: "optional" },
              },
            ],
          },
          {
            name: "steel",
            items: [
              {
                kind: "attribute",
                name: "rusty",
                allowed: "yes or no",
                texts: { names: ["yes", "no"] },
                presence: { is: "optional" },
              },
            ],
          },
        ],
      },
    ]);
  });
});
