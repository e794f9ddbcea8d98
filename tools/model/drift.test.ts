import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const model = read("docs/model/migration.pml");
const core = (file: string): string => read(`packages/core/src/migration/${file}.ts`);

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Names of one list of the model, without what stands before them. */
function inModel(list: string, prefix: string): readonly string[] {
  const body = new RegExp(`^mtype:${list} = \\{([^}]*)\\}`, "m").exec(model)?.[1] ?? "";
  const names = body.replace(/\/\*.*?\*\//gs, "").match(/\w+/g) ?? [];
  return names.map((name) => name.slice(prefix.length)).toSorted((a, b) => a.localeCompare(b));
}

/** Post-copy and the like: what the model says of itself that it does not have yet. */
function leftOut(kind: string): readonly string[] {
  return (new RegExp(`left-out ${kind}: (.*)`).exec(model)?.[1] ?? "").split(" ");
}

function modelled(names: readonly string[], kind: string): readonly string[] {
  return names.filter((name) => !leftOut(kind).includes(name));
}

/** Every value of a key in the types of a file. */
function inCode(text: string, pattern: RegExp): readonly string[] {
  const found = [...text.matchAll(pattern)].map((match) => match[1] ?? "");
  return [...new Set(found)].toSorted((a, b) => a.localeCompare(b));
}

/** The members of a union of strings. */
function union(text: string, name: string): readonly string[] {
  const body = new RegExp(`export type ${name} =([^;]*);`).exec(text)?.[1] ?? "";
  return inCode(body, /"(\w+)"/g);
}

/** Used somewhere beside the list it is declared in. */
function isUsed(name: string): boolean {
  return (model.match(new RegExp(`\\b${name}\\b`, "g")) ?? []).length > 1;
}

describe("the model of migrations", () => {
  it("has the phases of the source's machine", () => {
    expect(inModel("source", "s_")).toEqual(
      modelled(inCode(core("source-state"), /readonly phase: "(\w+)"/g), "phases"),
    );
  });

  it("has the phases of the destination's machine", () => {
    const states = core("destination").split("export type DestinationPhase")[0] ?? "";
    expect(inModel("destination", "d_")).toEqual(
      modelled(inCode(states, /readonly phase: "(\w+)"/g), "phases"),
    );
  });

  it("has every fact that a machine can be fed with, and uses it", () => {
    const facts = modelled(inCode(core("facts"), /readonly fact: "(\w+)"/g), "facts");
    expect(inModel("fact", "f_")).toEqual(facts);
    // Told apart only by what they do to a machine: these are said, in the model, by what they lead to.
    expect(facts.filter((fact) => !isUsed(`f_${fact}`))).toEqual([]);
  });

  it("leaves out nothing that is not in the code", () => {
    const code = core("source-state") + core("destination") + core("facts");
    for (const kind of ["phases", "facts", "entries"])
      expect(leftOut(kind).filter((name) => !code.includes(`"${name}"`))).toEqual([]);
  });

  it("has every entry of both journals", () => {
    const entries = [
      ...union(core("source-state"), "SourceEntry"),
      ...union(core("destination"), "DestinationEntry"),
    ];
    // Those two are the world's: nothing written yet, and over.
    expect(inModel("entry", "j_").filter((e) => e !== "none" && e !== "ended")).toEqual(
      modelled(
        [...new Set(entries)].toSorted((a, b) => a.localeCompare(b)),
        "entries",
      ),
    );
  });
});
