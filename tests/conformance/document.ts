import type { Score } from "./run.ts";
import { percentText } from "./report.ts";

const BEGIN = "<!-- scores: written by npm run conformance -- --document -->";
const END = "<!-- end of scores -->";

/** One row of the document's table, as it was written. */
export interface WrittenScore {
  readonly suite: string;
  readonly pass: number;
}

/** The document with its table of scores replaced. Suites that are run by name only keep their rows. */
export function withScores(document: string, scores: readonly Score[]): string {
  const { before, table, after } = parts(document);
  const fresh = scores.map((score) => ({ suite: score.suite, row: rowOf(score) }));
  const kept = table
    .split("\n")
    .filter((row) => /^\| `/.test(row) && !fresh.some(({ suite }) => row.startsWith(`| \`${suite}\` |`)));
  const head = [
    "| suite | cases | pass | fail | left out | per cent | goal |",
    "| --- | --- | --- | --- | --- | --- | --- |",
  ];
  return [before + BEGIN, "", ...head, ...fresh.map(({ row }) => row), ...kept, "", END + after].join("\n");
}

/** What the document claims. */
export function writtenScores(document: string): readonly WrittenScore[] {
  return [...parts(document).table.matchAll(/^\| `([\w-]+)` \| \d+ \| (\d+) \|/gm)].map(
    ([, suite = "", pass = ""]) => ({ suite, pass: Number(pass) }),
  );
}

function rowOf(score: Score): string {
  const leftOut = score.total - score.pass - score.fail;
  const cells = [
    `\`${score.suite}\``,
    score.total,
    score.pass,
    score.fail,
    leftOut,
    percentText(score),
    score.goal,
  ];
  return `| ${cells.join(" | ")} |`;
}

function parts(document: string): {
  readonly before: string;
  readonly table: string;
  readonly after: string;
} {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the document has no "${BEGIN}" with "${END}" behind it`);
  return {
    before: document.slice(0, from),
    table: document.slice(from + BEGIN.length, to),
    after: document.slice(to + END.length),
  };
}
