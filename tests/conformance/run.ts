import { messageOf } from "@virtmesh/core/errors";
import type { Corpus } from "./corpus.ts";
import { schemaFolder, schemaProblems } from "./relaxng.ts";
import type { Case, Outcome, Suite, Written } from "./suite.ts";

export interface Failure {
  readonly case: string;
  readonly difference: string;
}

export interface Score {
  readonly suite: string;
  readonly total: number;
  readonly pass: number;
  readonly fail: number;
  /** How many cases were left out, by reason. */
  readonly skipped_with_reason: Readonly<Record<string, number>>;
  readonly goal: number;
  readonly seconds: number;
  readonly failures: readonly Failure[];
  /** In how many cases each kind of difference came up, where a suite tells kinds apart. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** Per cent of the cases that were tried; a suite without cases has none. */
export function percent(score: Pick<Score, "pass" | "fail">): number {
  const tried = score.pass + score.fail;
  return tried === 0 ? 0 : (100 * score.pass) / tried;
}

/** Runs every case of a suite, then judges what was written by libvirt's schemas, all at once. */
export async function runSuite(suite: Suite, corpus: Corpus, signal: AbortSignal): Promise<Score> {
  const start = performance.now();
  const cases = await suite.cases(corpus);
  const outcomes: Outcome[] = [];
  for (const one of cases) outcomes.push(await tried(one, signal));
  const judged = await judge(outcomes, corpus, signal);
  const skipped: Record<string, number> = {};
  const failures: Failure[] = [];
  const kinds: Record<string, number> = {};
  for (const [i, outcome] of judged.entries()) {
    if (outcome.kind === "skip") skipped[outcome.reason] = (skipped[outcome.reason] ?? 0) + 1;
    if (outcome.kind !== "fail") continue;
    failures.push({ case: cases[i]?.name ?? "", difference: outcome.difference });
    for (const kind of new Set(outcome.kinds)) kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return {
    suite: suite.name,
    total: cases.length,
    pass: judged.filter((outcome) => outcome.kind === "pass").length,
    fail: failures.length,
    skipped_with_reason: skipped,
    goal: suite.goal,
    seconds: (performance.now() - start) / 1000,
    failures,
    kinds,
  };
}

async function tried(one: Case, signal: AbortSignal): Promise<Outcome> {
  signal.throwIfAborted();
  try {
    return await one.run(signal);
  } catch (e) {
    signal.throwIfAborted();
    return { kind: "fail", difference: messageOf(e) };
  }
}

async function judge(
  outcomes: readonly Outcome[],
  corpus: Corpus,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const written: Written[] = [];
  const owners: number[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.kind !== "pass" || outcome.written === undefined) continue;
    written.push(outcome.written);
    owners.push(i);
  }
  if (written.length === 0) return outcomes;
  const problems = await schemaProblems(schemaFolder(corpus), written, signal);
  const judged = [...outcomes];
  for (const [at, problem] of problems.entries()) {
    if (problem !== undefined) judged[owners[at] ?? -1] = { kind: "fail", difference: problem };
  }
  return judged;
}
