import fc from "fast-check";
import { readSettings } from "./read.ts";
import type { Pair, Value } from "./setting.ts";
import { writeSettings } from "./write.ts";

const pairs = (text: string): readonly Pair[] => readSettings(text).map(({ key, value }) => [key, value]);

describe("the text of a file", () => {
  it("has names with strings, numbers and lists in lists, on lines of their own or behind semicolons", () => {
    const text = `# a guest
name = 'web' ; vcpus=0x10 # sixteen
maxvcpus = 020; ;
vnuma = [ [ "pnode=0",  # of the host
            "size=64" ],
          [ ], ]
`;
    expect(pairs(text)).toEqual([
      ["name", "web"],
      ["vcpus", 16],
      ["maxvcpus", 16],
      ["vnuma", [["pnode=0", "size=64"], []]],
    ]);
    expect(readSettings(text).map(({ line }) => line)).toEqual([2, 2, 3, 4]);
  });

  it("has the characters of strings that have a backslash in front", () => {
    expect(pairs(String.raw`a = "\"\\\n\t'"` + "\n" + String.raw`b = 'it\'s "b"'`)).toEqual([
      ["a", "\"\\\n\t'"],
      ["b", `it's "b"`],
    ]);
  });

  it("may be that of an old file in Python, with strings in three quotes", () => {
    expect(pairs(`disk = [ """phy:/dev/a'",hda,w""" ]`)).toEqual([["disk", [`phy:/dev/a'",hda,w`]]]);
  });

  it("sets a name anew, or adds to what it has", () => {
    expect(pairs(`a = 1\na = 2\ndisk = [ "x" ]\ndisk += [ "y" ]\nextra = "q"\nextra += "r"`)).toEqual([
      ["a", 2],
      ["disk", ["x", "y"]],
      ["extra", "qr"],
    ]);
  });

  it.each([
    ["name", `line 1: = behind name was expected, not ""`],
    ["\nname = [ 'a' 'b' ]", `line 2: a comma or the end of the list was expected, not "'b' ]"`],
    ["name = 'a", `line 1: a string in quotes, a number or a list was expected, not "'a"`],
    ["name = 'a' b = 1", `line 1: the end of the line behind name was expected, not "b = 1"`],
    [String.raw`name = "\x41"`, String.raw`line 1: "\x" in a string stands for no character that xl knows`],
    ["vcpus = 0b1", `line 1: "0b1" is no whole number`],
    ["vcpus = 099", `line 1: "099" is no whole number`],
    ["a = 1\na += [ 'b' ]", "line 2: what a += adds must be of the same kind"],
    [`a = ${"[".repeat(10)}`, "line 1: lists are nested more than 8 deep"],
    ["42 = 1", `line 1: the name of a setting was expected, not "42 = 1"`],
  ])("is refused with its line where it is none: %j", (text, message) => {
    expect(() => readSettings(text)).toThrow(message);
  });

  it("says the same after it was written and read", () => {
    const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value; list: Value }>((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, fc.string({ unit: "grapheme" }), fc.integer(), tie("list")),
      list: fc.array(tie("value"), { maxLength: 3 }),
    })).value;
    const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/);
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }), (settings) => {
        // A number below nothing is written as a string, which is how xl can have it.
        expect(pairs(writeSettings(settings))).toEqual(signed(settings));
      }),
    );
  });
});

function signed<T>(value: T): unknown {
  if (typeof value === "number" && value < 0) return String(value);
  return Array.isArray(value) ? value.map(signed) : value;
}
