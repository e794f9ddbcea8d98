import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Corpus } from "./corpus.ts";

/** A document that libvirt validates by one of its schemas. */
export interface SchemaDocument {
  /** The schema's name: `network`. */
  readonly schema: string;
  /** Where it is, from the top of the source tree. */
  readonly path: string;
  readonly xml: string;
  /** libvirt names documents so that its schemas must refuse. */
  readonly isInvalid: boolean;
}

/** Every document that libvirt's own test of its schemas looks at, as that program lists them. */
export function schemaDocuments(corpus: Corpus): readonly SchemaDocument[] {
  const facts = corpus.program("virschematest.c");
  const arrays = new Map(
    facts.flatMap((fact) => (fact.kind === "array" ? [[fact.name, fact.items] as const] : [])),
  );
  return facts.flatMap((fact) => {
    if (fact.kind !== "call" || fact.function !== "testSchemaEntries") return [];
    const [, schema] = /([\w-]+)\.rng$/.exec(fact.arguments[0] ?? "") ?? [];
    const entries = arrays.get(fact.arguments[1] ?? "");
    if (schema === undefined || entries === undefined) return [];
    return entries
      .flatMap((entry) => filesOf(corpus.source, entry))
      .map((path) => ({
        schema,
        path,
        xml: readFileSync(join(corpus.source, path), "utf8"),
        isInvalid: path.endsWith("-invalid.xml"),
      }));
  });
}

function filesOf(top: string, entry: Readonly<Record<string, string>>): readonly string[] {
  if (entry["file"] !== undefined) return existsSync(join(top, entry["file"])) ? [entry["file"]] : [];
  const dir = (entry["dir"] ?? "").replace(/\/$/, "");
  if (!existsSync(join(top, dir))) return [];
  const name = entry["dirRegex"] === undefined ? undefined : new RegExp(entry["dirRegex"]);
  return readdirSync(join(top, dir))
    .filter(
      (file) => file.endsWith(".xml") && !file.startsWith(".") && (name === undefined || name.test(file)),
    )
    .map((file) => `${dir}/${file}`)
    .filter((path) => statSync(join(top, path)).isFile())
    .sort();
}
