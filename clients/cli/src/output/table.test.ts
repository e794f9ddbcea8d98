import fc from "fast-check";
import { clean, type Column, formatFields, formatTable } from "./table.ts";

interface Row {
  readonly name: string;
  readonly cpus: number;
}
const columns: readonly Column<Row>[] = [
  { title: "Name", cell: (r) => r.name },
  { title: "CPUs", right: true, cell: (r) => String(r.cpus) },
];

describe("a table", () => {
  it("aligns its columns and ends no line with a space", () => {
    expect(
      formatTable(columns, [
        { name: "web-1", cpus: 2 },
        { name: "database", cpus: 16 },
      ]),
    ).toEqual([" Name       CPUs", "-----------------", " web-1         2", " database     16"]);
  });

  it("has titles without any row", () => {
    expect(formatTable(columns, [])).toEqual([" Name   CPUs", "-------------"]);
  });

  it("leaves titles out when it is to be quiet", () => {
    expect(formatTable(columns, [{ name: "a", cpus: 1 }], true)).toEqual([" a   1"]);
  });

  it("lets no control character of a name reach the terminal", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        expect(formatTable(columns, [{ name, cpus: 1 }]).join("")).not.toMatch(
          /[\u0000-\u001f\u007f-\u009f]/,
        );
      }),
    );
    expect(clean("a\u001b[31mb")).toBe("a\\x1b[31mb");
  });
});

describe("a list of fields", () => {
  it("aligns the values and leaves out what has none", () => {
    expect(
      formatFields([
        ["Id", "1"],
        ["Title", ""],
        ["Long name", "x"],
        ["None", undefined],
      ]),
    ).toEqual(["Id:         1", "Long name:  x"]);
  });
});
