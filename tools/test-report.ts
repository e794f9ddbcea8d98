import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** Numbers of one jest project. */
export interface ProjectResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** Full names of what was skipped. */
  readonly leftOut: readonly string[];
  /** Full names of what failed, and what went wrong outside a test. */
  readonly failures: readonly string[];
}

/** A line of `jest-lines.cjs`: a file of tests began, or has ended. */
export type TestLine =
  | { readonly file: string; readonly began: true }
  | {
      readonly file: string;
      readonly began?: never;
      readonly passed: number;
      readonly failed: number;
      readonly skipped: number;
      readonly leftOut: readonly string[];
      readonly failures: readonly string[];
      readonly couldNotRun: boolean;
    };

/** How jest itself ended. */
export type Ending = { readonly code: number | null } | { readonly hungAfterMinutes: number };

export function readLines(path: string): readonly TestLine[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TestLine);
}

/**
 * Adds a run up. A file that could not be run, or that had begun and has not ended, counts as one failure: its tests
 * are not there to be counted. So does a jest that says it failed though no test did.
 */
export function countLines(
  name: string,
  seconds: number,
  lines: readonly TestLine[],
  ending: Ending,
): ProjectResult {
  const ended = lines.filter((line) => line.began !== true);
  const open = lines.filter(
    (line) => line.began === true && !ended.some((other) => other.file === line.file),
  );
  const failures = ended.flatMap((line) =>
    line.couldNotRun ? [`${line.file}: could not be run`] : line.failures,
  );
  failures.push(...open.map((line) => `${line.file}: did not end`));
  const sum = (pick: (line: (typeof ended)[number]) => number): number =>
    ended.reduce((n, line) => n + pick(line), 0);
  let failed = sum((line) => (line.couldNotRun ? 1 : line.failed)) + open.length;
  if ("hungAfterMinutes" in ending) {
    failed = Math.max(failed, 1);
    const last = open.map((line) => basename(line.file)).join(", ") || "all its tests";
    failures.push(`jest did not end within ${ending.hungAfterMinutes} minutes; it was at ${last}`);
  } else if (ending.code !== 0 && failed === 0) {
    failed = 1;
    failures.push(`jest ended with code ${ending.code} though no test failed`);
  }
  return {
    name,
    passed: sum((line) => line.passed),
    failed,
    skipped: sum((line) => line.skipped),
    seconds,
    leftOut: ended.flatMap((line) => line.leftOut),
    failures,
  };
}

/** `12 passed, 0 failed`, with `, 1 skipped` when something was. */
export function summaryLine(counts: {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}): string {
  return `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`;
}
