// `npm run conformance`: virtmesh's reading and writing of libvirt's documents against libvirt's own test data.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";
import { CORPUS_NEEDS, ensurePackages } from "@virtmesh/lab/apt";
import { libvirtTests } from "@virtmesh/lab/libvirt-source";
import { Corpus } from "./corpus.ts";
import { withScores } from "./document.ts";
import { failureLine, jsonLine, kindLines, scoreTable, skippedLines } from "./report.ts";
import { type Score, runSuite } from "./run.ts";
import { SUITES } from "./suites.ts";

const DOCUMENT = join(import.meta.dirname, "../../docs/conformance.md");

const HELP = `npm run conformance -- (--corpus DIR | --fetch) [--suite NAME]... [--json] [--failures] [--document]

Scores virtmesh against the test data of libvirt. docs/conformance.md has the scores and what is missing.

  --corpus DIR  the tests folder of a libvirt source tree, of any version
  --fetch       fetches Debian's source of libvirt with apt-get (root or sudo) into the cache folder, once, and uses it
  --suite NAME  only this suite; may be given several times
  --json        a JSON line for each suite
  --document    also writes the scores into docs/conformance.md
  --failures    every case that fails, with the difference, and how often each kind of difference came up

Suites:
${SUITES.map((suite) => `  ${suite.name.padEnd(20)} ${suite.about}${suite.byNameOnly === true ? " (only by name)" : ""}`).join("\n")}
`;

async function corpusOf(dir: string | undefined, fetch: boolean): Promise<Corpus | undefined> {
  if (dir !== undefined) return new Corpus(dir);
  return fetch ? new Corpus(await libvirtTests((said) => process.stderr.write(`${said}\n`))) : undefined;
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      corpus: { type: "string" },
      fetch: { type: "boolean", default: false },
      suite: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      failures: { type: "boolean", default: false },
      document: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  for (const name of values.suite) {
    if (SUITES.some((suite) => suite.name === name)) continue;
    throw new VirtError(
      "INVALID_FIELD",
      `there is no suite "${name}"; there are ${SUITES.map((suite) => suite.name).join(", ")}`,
    );
  }
  const corpus = await corpusOf(values.corpus, values.fetch);
  if (corpus === undefined) {
    process.stderr.write(
      `${HELP}
A libvirt source tree is needed: --corpus DIR, or --fetch to get Debian's
`,
    );
    return 2;
  }
  await ensurePackages(CORPUS_NEEDS, (said) => process.stderr.write(`${said}\n`));
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const chosen = SUITES.filter((suite) =>
    values.suite.length === 0 ? suite.byNameOnly !== true : values.suite.includes(suite.name),
  );
  const scores: Score[] = [];
  for (const suite of chosen) {
    const score = await runSuite(suite, corpus, stop.signal);
    scores.push(score);
    if (values.json) {
      process.stdout.write(`${jsonLine(score, values.failures)}\n`);
    } else if (values.failures) {
      for (const failure of score.failures) process.stdout.write(`${failureLine(suite.name, failure)}\n`);
    }
  }
  if (values.document) writeFileSync(DOCUMENT, withScores(readFileSync(DOCUMENT, "utf8"), scores));
  if (!values.json) {
    if (values.failures) for (const line of scores.flatMap(kindLines)) process.stdout.write(`${line}\n`);
    for (const line of scores.flatMap(skippedLines)) process.stdout.write(`${line}\n`);
    process.stdout.write(`${scoreTable(scores)}\n`);
  }
  return 0;
}

// Whoever reads may stop early, as `head` does.
process.stdout.on("error", (e) => process.exit(systemCode(e) === "EPIPE" ? 0 : 1));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (e) {
  process.stderr.write(`${VirtError.is(e) ? messageOf(e) : String(e instanceof Error ? e.stack : e)}\n`);
  process.exitCode = 1;
}
