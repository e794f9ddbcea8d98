import { runCommand } from "./command.ts";

/** What a step of the check found. */
export interface Outcome {
  readonly status: "ok" | "failed" | "skipped";
  /** Shown when it failed; for a skipped step why. */
  readonly details: string;
  /** Worth a look, but no failure. */
  readonly warnings?: readonly string[];
}

export interface Step {
  readonly name: string;
  run(): Promise<Outcome>;
}

export const ok = (warnings: readonly string[] = []): Outcome => ({ status: "ok", details: "", warnings });
export const skipped = (why: string): Outcome => ({ status: "skipped", details: why });

/** Failed when there is a problem in the list. */
export function fromProblems(problems: readonly string[], warnings: readonly string[] = []): Outcome {
  return problems.length === 0 ? ok(warnings) : { status: "failed", details: problems.join("\n"), warnings };
}

/** A step that is a command: its output matters only when it fails. */
export function commandStep(root: string, name: string, command: string, ...args: string[]): Step {
  return {
    name,
    async run() {
      const { code, output } = await runCommand(command, args, { cwd: root });
      return code === 0 ? ok() : { status: "failed", details: output.trimEnd() };
    },
  };
}

const MARKS = { ok: "ok  ", failed: "FAIL", skipped: "skip" } as const;

/** Runs all steps at once and prints one line each as they end. Returns how many failed. */
export async function runSteps(steps: readonly Step[], print: (line: string) => void): Promise<number> {
  const width = Math.max(...steps.map((step) => step.name.length));
  let failed = 0;
  await Promise.all(
    steps.map(async (step) => {
      const start = performance.now();
      const outcome = await step.run().catch(
        (e: unknown): Outcome => ({
          status: "failed",
          details: e instanceof Error ? (e.stack ?? e.message) : String(e),
        }),
      );
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const why = outcome.status === "skipped" ? `  (${outcome.details})` : "";
      print(`${MARKS[outcome.status]} ${step.name.padEnd(width)} ${seconds.padStart(5)} s${why}`);
      for (const warning of outcome.warnings ?? []) print(`     warning: ${warning}`);
      if (outcome.status === "failed") {
        failed++;
        print(outcome.details.replace(/^/gm, "     "));
      }
    }),
  );
  return failed;
}
