import fc from "fast-check";
import { readEmbedded, writeEmbedded } from "./embedded.ts";

const property = (name: string, type: string, value: string): string =>
  `<INSTANCE CLASSNAME="Msvm_MemorySettingData"><PROPERTY NAME="${name}" TYPE="${type}"><VALUE>${value}</VALUE></PROPERTY></INSTANCE>`;

describe("Objects written as text", () => {
  it("are read as they were written", () => {
    const text = fc
      .string({ unit: "grapheme" })
      .filter((s) => !/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(s));
    fc.assert(
      fc.property(
        text,
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        fc.boolean(),
        fc.array(text),
        (name, quantity, flag, connection) => {
          const values = {
            ElementName: name,
            VirtualQuantity: quantity <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(quantity) : quantity,
            DynamicMemoryEnabled: flag,
            Connection: connection,
          };
          const written = writeEmbedded({ className: "Msvm_MemorySettingData", values });
          expect(readEmbedded(written)).toEqual({ className: "Msvm_MemorySettingData", values });
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ["a property that there is not", property("Colour", "string", "red"), 'has no property "Colour"'],
    [
      "another type",
      property("VirtualQuantity", "uint16", "1"),
      "is of type uint64, it was written as uint16",
    ],
    ["a value out of range", property("VirtualQuantity", "uint64", "-1"), "out of the range of uint64"],
    ["what is no number", property("VirtualQuantity", "uint64", "many"), "is no uint64"],
    ["what is no boolean", property("IsVirtualized", "boolean", "yes"), "is no boolean"],
    ["one value for an array", property("HostResource", "string", "a"), "is an array"],
    ["no XML", "<INSTANCE", "not well-formed"],
    ["a document type", '<!DOCTYPE x [<!ENTITY a "b">]><INSTANCE/>', "document type definition"],
  ])("are refused with %s", (_, text, why) => {
    expect(() => readEmbedded(text)).toThrow(why);
  });

  it("may be null in what is written without a value", () => {
    const text =
      '<INSTANCE CLASSNAME="msvm_memorysettingdata"><PROPERTY NAME="elementname" TYPE="string"/></INSTANCE>';
    expect(readEmbedded(text)).toEqual({
      className: "Msvm_MemorySettingData",
      values: { ElementName: null },
    });
  });
});
