import { firstDifference } from "./canonical.ts";

describe("two documents", () => {
  it.each([
    ["comments and blanks", "<a>\n <!-- x --><b/>\n</a>", "<a><b/></a>"],
    ["the order of attributes", "<a x='1' y='2'/>", "<a y='2' x='1'/>"],
    ["prefixes", "<a xmlns:q='u:q'><q:b/></a>", "<a xmlns:z='u:q'><z:b/></a>"],
  ])("are the same but for %s", (_, expected, actual) => {
    expect(firstDifference(expected, actual)).toBeUndefined();
  });

  it("may have elements of different names in any order, if that is asked for", () => {
    expect(firstDifference("<a><b/><c x='1'/><c/></a>", "<a><c x='1'/><b/><c/></a>", "free")).toBeUndefined();
    expect(firstDifference("<a><c x='1'/><c/></a>", "<a><c/><c x='1'/></a>", "free")).toBe(
      '/a/c[1]/@x: "1" is missing',
    );
  });

  it.each([
    ["<a><b x='1'/></a>", "<a><b x='2'/></a>", '/a/b/@x: "1" was expected, "2" was written'],
    ["<a x='1'/>", "<a/>", '/a/@x: "1" is missing'],
    ["<a/>", "<a x='1'/>", '/a/@x: "1" is too much'],
    ["<a><b/><c/></a>", "<a><c/><b/></a>", "/a/b: <b> was expected, <c> was written"],
    ["<a><b/></a>", "<a/>", "/a/b is missing"],
    ["<a/>", "<a><b/></a>", "/a: <b> is too much"],
    ["<a>x</a>", "<a>y</a>", '/a: text "x" was expected, "y" was written'],
    ["<a xmlns='u:a'/>", "<a/>", "/a: <a> was expected, <a> was written"],
  ])("%s and %s differ where it says", (expected, actual, difference) => {
    expect(firstDifference(expected, actual)).toBe(difference);
  });
});
