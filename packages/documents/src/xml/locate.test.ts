import { VirtError } from "@virtmesh/core/errors";
import { refusal } from "../testing/refusal.ts";
import { atPlacesOf, locate } from "./locate.ts";
import { readXml } from "./read.ts";

const root = readXml(`<a>\n  <b/>\n  <b x='1'\n     y='2'>\n    <c/>\n  </b>\n</a>`);

describe("a path in a document", () => {
  it.each([
    ["/a", 1, 1],
    ["/a/b[2]", 3, 3],
    ["/a/b[2]/@y", 4, 6],
    ["/a/b[2]/c", 5, 5],
    // What is missing is looked for where it should be.
    ["/a/b[2]/d/e", 3, 3],
    ["/a/b[3]", 1, 1],
    ["/a/b[1]/@x", 2, 3],
  ])("%s leads to line %i, column %i", (path, line, column) => {
    const { line: l, column: c } = locate(root, path);
    expect([l, c]).toEqual([line, column]);
  });

  it("of a refusal gets its place", () => {
    const { message, context } = refusal(() =>
      atPlacesOf(root, () => {
        throw new VirtError("XML_INVALID", "no at /a/b[2]/@y; try z", {
          metadata: { path: "/a/b[2]/@y" },
          violations: [{ field: "/a/b[2]/@y", description: "no" }],
        });
      }),
    );
    expect(message).toBe("no at /a/b[2]/@y (line 4, column 6); try z");
    expect(context.metadata).toMatchObject({ line: "4", column: "6" });
    expect(context.violations).toEqual([{ field: "/a/b[2]/@y (line 4, column 6)", description: "no" }]);
  });
});
