import type { MigrationProgress } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { progressFields, progressLines } from "./progress.ts";

/** How the demo ended; the last line of `--json`. */
export type Outcome =
  | {
      readonly outcome: "migrated";
      /** The longest the guest was silent, as seen from outside. */
      readonly downtime_ms: number;
      readonly total_ms: number;
      readonly verified: true;
    }
  | { readonly outcome: "failed"; readonly reason: string }
  /** Of each hypervisor `ok`, or why not. */
  | { readonly hypervisors: Readonly<Record<string, string>> };

/** One event of a guest, as it came out of the stream. */
export interface ToldEvent {
  readonly uri: string;
  readonly guest: string;
  readonly event: string;
  readonly detail: string;
}

/** Tells a user, or a program, how the demo comes forward. */
export interface Reporter {
  /** A step begins; `done` ends it with what came of it. */
  step(text: string): Step;
  progress(progress: MigrationProgress): void;
  event(event: ToldEvent): void;
  /** Lines of text that only a person wants. */
  say(lines: readonly string[]): void;
  outcome(outcome: Outcome): void;
}

export interface Step {
  /** What the step does at the moment. */
  detail(text: string): void;
  done(text?: string): void;
  /** The step went wrong, and the demo goes on. */
  failed(reason: string): void;
}

export interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** One JSON object a line. */
export function jsonReporter(output: Output): Reporter {
  const line = (value: object): void => void output.write(`${JSON.stringify(value)}\n`);
  return {
    step(text) {
      line({ step: text, state: "begun" });
      const begun = performance.now();
      return {
        detail: (detail) => line({ step: text, state: "going", detail }),
        done: (result) =>
          line({
            step: text,
            state: "done",
            ms: Math.round(performance.now() - begun),
            ...(result ? { result } : {}),
          }),
        failed: (reason) => line({ step: text, state: "failed", reason }),
      };
    },
    progress: (progress) => line({ progress: progressFields(progress) }),
    event: (event) => line({ event }),
    say: () => undefined,
    outcome: (outcome) => line(outcome),
  };
}

const UP_AND_CLEAR = (lines: number): string => `\u001b[${lines}A\r\u001b[J`;

/** For a terminal, where the present step is drawn again in place, or for a pipe, where only results are written. */
export function textReporter(output: Output): Reporter {
  const isLive = output.isTTY === true;
  let drawn = 0;
  const draw = (lines: readonly string[], stay: boolean): void => {
    if (!isLive && !stay) return;
    // A line that wraps could not be taken back.
    const width = isLive && !stay ? (output.columns || 80) - 1 : Number.POSITIVE_INFINITY;
    output.write(
      `${drawn > 0 ? UP_AND_CLEAR(drawn) : ""}${lines.map((l) => `${l.slice(0, width)}\n`).join("")}`,
    );
    drawn = stay ? 0 : lines.length;
  };
  let heading = "";
  return {
    step(text) {
      heading = text;
      const begun = performance.now();
      draw([`  … ${text}`], false);
      return {
        detail: (detail) => draw([`  … ${text}: ${detail}`], false),
        done: (result) => draw([`  ✓ ${result ?? text} (${seconds(performance.now() - begun)})`], true),
        failed: (reason) => draw([`  ✗ ${reason}`], true),
      };
    },
    progress: (progress) =>
      draw([`  … ${heading}`, ...progressLines(progress).map((line) => `      ${line}`)], false),
    event: ({ uri, guest, event, detail }) => draw([`      ${uri}  ${guest}  ${event}  ${detail}`], true),
    say: (lines) => draw(lines, true),
    outcome(outcome) {
      if ("hypervisors" in outcome) {
        const failed = Object.entries(outcome.hypervisors).filter(([, how]) => how !== "ok");
        draw(
          failed.map(([name, why]) => `  ✗ ${name}: ${why}`),
          true,
        );
      } else if (outcome.outcome === "failed") draw([`  ✗ ${outcome.reason}`], true);
    },
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
