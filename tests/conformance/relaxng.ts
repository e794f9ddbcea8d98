import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { run } from "@virtmesh/lab/process";
import type { Corpus } from "./corpus.ts";
import type { Written } from "./suite.ts";

const INSTALLED = "/usr/share/libvirt/schemas";
/** Files a call of xmllint: far below the limit of a command line. */
const BATCH = 500;

/** The folder of libvirt's RELAX NG schemas: those of the corpus' own tree, else those that libvirt0 installs. */
export function schemaFolder(corpus: Corpus): string {
  const own = join(corpus.source, "src/conf/schemas");
  if (existsSync(join(own, "domain.rng"))) return own;
  if (existsSync(join(INSTALLED, "domain.rng"))) return INSTALLED;
  throw new VirtError(
    "HOST_SETUP",
    `the schemas of libvirt are neither in ${own} nor in ${INSTALLED}: as root, apt-get install libvirt0`,
  );
}

/** What is wrong with each of these documents according to its schema; undefined for a valid one. */
export async function schemaProblems(
  folder: string,
  documents: readonly Written[],
  signal: AbortSignal,
): Promise<readonly (string | undefined)[]> {
  const problems = new Map<number, string>();
  const work = await mkdtemp(join(tmpdir(), "virtmesh-schema-"));
  try {
    const bySchema = Map.groupBy(documents.entries(), ([, document]) => document.schema);
    for (const [schema, entries] of bySchema) {
      for (let from = 0; from < entries.length; from += BATCH) {
        const batch = entries.slice(from, from + BATCH);
        await Promise.all(batch.map(([i, { xml }]) => writeFile(join(work, `${i}.xml`), xml)));
        const said = await xmllint(join(folder, `${schema}.rng`), work, batch, signal);
        for (const [i, problem] of said) problems.set(i, problem);
      }
    }
  } finally {
    await rm(work, { recursive: true });
  }
  return documents.map((_, i) => problems.get(i));
}

async function xmllint(
  schema: string,
  work: string,
  batch: readonly [number, Written][],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, string>> {
  const files = batch.map(([i]) => `${i}.xml`);
  const shell = 'xmllint --noout --relaxng "$@" 2>&1 || true';
  const { stdout } = await run(["sh", "-c", shell, "sh", schema, ...files], { cwd: work, signal });
  const problems = new Map<number, string>();
  const judged = new Set<number>();
  for (const line of stdout.split("\n")) {
    const [, verdict, state] = /^(\d+)\.xml (validates|fails to validate)/.exec(line) ?? [];
    if (verdict !== undefined) judged.add(Number(verdict));
    const [, file, message] = /^(\d+)\.xml:\d+: (.*)/.exec(line) ?? [];
    const i = Number(file ?? verdict);
    if (message !== undefined && !problems.has(i)) problems.set(i, `not valid by its schema: ${message}`);
    else if (state === "fails to validate" && !problems.has(i)) problems.set(i, "not valid by its schema");
  }
  for (const [i] of batch) {
    if (!judged.has(i) && !problems.has(i)) {
      throw new VirtError(
        "HOST_SETUP",
        `xmllint says nothing of a document with ${schema}: ${stdout.slice(0, 300)}`,
      );
    }
  }
  return problems;
}
