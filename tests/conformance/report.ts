import type { Failure, Score } from "./run.ts";
import { percent } from "./run.ts";

/** A line for programs. */
export function jsonLine(score: Score, withFailures: boolean): string {
  const { failures, kinds, seconds, ...counts } = score;
  const line = { ...counts, percent: Number(percentText(score)), seconds: round(seconds) };
  return JSON.stringify(withFailures ? { ...line, failures, kinds } : line);
}

/** A table for people. */
export function scoreTable(scores: readonly Score[]): string {
  const rows = [
    ["suite", "total", "pass", "fail", "skipped", "per cent", "goal"],
    ...scores.map((score) => [
      score.suite,
      String(score.total),
      String(score.pass),
      String(score.fail),
      String(score.total - score.pass - score.fail),
      percentText(score),
      String(score.goal),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function failureLine(suite: string, failure: Failure): string {
  return `${suite} ${failure.case}: ${failure.difference}`;
}

/** The kinds of difference, the most frequent first. */
export function kindLines(score: Score): readonly string[] {
  return Object.entries(score.kinds)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${score.suite}: ${count} ${count === 1 ? "case" : "cases"}: ${kind}`);
}

export function skippedLines(score: Score): readonly string[] {
  return Object.entries(score.skipped_with_reason).map(
    ([reason, count]) => `${score.suite}: ${count} skipped: ${reason}`,
  );
}

/** Rounded down: 100 is said only of what is whole. */
export function percentText(score: Score): string {
  return (Math.floor(percent(score) * 10) / 10).toFixed(1);
}

function round(value: number): number {
  return Number(value.toFixed(1));
}
