import { findCycles } from "./cycles.ts";
import { importsOf } from "./imports.ts";
import { longFiles, machinePaths } from "./text-rules.ts";

describe("the imports of a source text", () => {
  it("are found in every form they have", () => {
    const text = [
      'import { a } from "./a.ts";',
      'import type { B } from "b";',
      "import {",
      "  c,",
      '} from "@virtmesh/core/c";',
      'import "node:fs";',
      'export { d } from "./d.ts";',
      'const e = await import("./e.ts");',
    ].join("\n");
    expect(importsOf(text)).toEqual([
      { specifier: "./a.ts", typeOnly: false, line: 1 },
      { specifier: "b", typeOnly: true, line: 2 },
      { specifier: "@virtmesh/core/c", typeOnly: false, line: 5 },
      { specifier: "node:fs", typeOnly: false, line: 6 },
      { specifier: "./d.ts", typeOnly: false, line: 7 },
      { specifier: "./e.ts", typeOnly: false, line: 8 },
    ]);
  });

  it("do not begin in one statement and end in another", () => {
    expect(importsOf('export const a = 1;\nconst from = "x";')).toEqual([]);
  });
});

describe("a circle of imports", () => {
  const file = (path: string, ...specifiers: string[]) => ({
    path,
    imports: specifiers.map((specifier) => ({ specifier, typeOnly: false, line: 1 })),
  });

  it("is named with every file on the way", () => {
    const files = [
      file("packages/kit/src/a.ts", "./b.ts"),
      file("packages/kit/src/b.ts", "./deep/c.ts"),
      file("packages/kit/src/deep/c.ts", "../a.ts"),
    ];
    expect(findCycles(files)).toEqual([
      [
        "packages/kit/src/a.ts",
        "packages/kit/src/b.ts",
        "packages/kit/src/deep/c.ts",
        "packages/kit/src/a.ts",
      ],
    ]);
  });

  it("is found across packages", () => {
    expect(
      findCycles([
        file("packages/a/src/x.ts", "@virtmesh/b/y"),
        file("packages/b/src/y.ts", "@virtmesh/a/x"),
      ]),
    ).toHaveLength(1);
  });

  it("is not one when types close it", () => {
    const back = {
      path: "packages/kit/src/b.ts",
      imports: [{ specifier: "./a.ts", typeOnly: true, line: 1 }],
    };
    expect(findCycles([file("packages/kit/src/a.ts", "./b.ts"), back])).toEqual([]);
  });
});

describe("the rules on texts", () => {
  it("find the folder of one person's machine", () => {
    const home = ["", "home", "ann", "x"].join("/");
    expect(machinePaths([{ path: "a.ts", text: `ok\nconst x = "${home}";` }])).toHaveLength(1);
  });

  it("let addresses and paths inside the project alone", () => {
    const text = 'fetch("https://host/home/ann/x"); read("./work/x"); cat("$ROOT/work/x")';
    expect(machinePaths([{ path: "a.ts", text }])).toEqual([]);
  });

  it("warn of a long file and refuse a very long one", () => {
    const text = (lines: number) => "x\n".repeat(lines);
    expect(longFiles([{ path: "a.ts", text: text(451) }])).toEqual({
      problems: [],
      warnings: ["a.ts has 451 lines"],
    });
    expect(longFiles([{ path: "a.ts", text: text(601) }]).problems).toHaveLength(1);
  });
});
