import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const models = ["migration", "postcopy"].map((name) => read(`docs/model/${name}.pml`));
const core = (file: string): string => read(`packages/core/src/migration/${file}.ts`);

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Names of one list of all models, without what stands before them. */
function inModels(list: string, prefix: string): readonly string[] {
  const names = models.flatMap((model) => {
    const body = new RegExp(`^mtype:${list} = \\{([^}]*)\\}`, "m").exec(model)?.[1] ?? "";
    return body.replace(/\/\*.*?\*\//gs, "").match(/\w+/g) ?? [];
  });
  return sorted(names.map((name) => name.slice(prefix.length)));
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted((a, b) => a.localeCompare(b));
}

/** Every value of a key in the types of a file. */
function inCode(text: string, pattern: RegExp): readonly string[] {
  return sorted([...text.matchAll(pattern)].map((match) => match[1] ?? ""));
}

/** The members of a union of strings. */
function union(text: string, name: string): readonly string[] {
  const body = new RegExp(`export type ${name} =([^;]*);`).exec(text)?.[1] ?? "";
  return inCode(body, /"(\w+)"/g);
}

/** Used somewhere beside the list it is declared in. */
function isUsed(name: string): boolean {
  return models.some((model) => (model.match(new RegExp(`\\b${name}\\b`, "g")) ?? []).length > 1);
}

describe("the models of migrations", () => {
  it("have the phases of the source's machine", () => {
    expect(inModels("source", "s_")).toEqual(inCode(core("source-state"), /readonly phase: "(\w+)"/g));
  });

  it("have the phases of the destination's machine", () => {
    const states = core("destination-state").split("export type DestinationPhase")[0] ?? "";
    expect(inModels("destination", "d_")).toEqual(inCode(states, /readonly phase: "(\w+)"/g));
  });

  it("have every fact that a machine can be fed with, and use it", () => {
    const facts = inCode(core("facts"), /readonly fact: "(\w+)"/g);
    expect(inModels("fact", "f_")).toEqual(facts);
    // Told apart only by what they do to a machine: these are said, in the models, by what they lead to.
    expect(facts.filter((fact) => !isUsed(`f_${fact}`))).toEqual([]);
  });

  it("have every entry of both journals", () => {
    const entries = [
      ...union(core("source-state"), "SourceEntry"),
      ...union(core("destination-state"), "DestinationEntry"),
    ];
    // Those two are the world's: nothing written yet, and over.
    expect(inModels("entry", "j_").filter((e) => e !== "none" && e !== "ended")).toEqual(sorted(entries));
  });
});
