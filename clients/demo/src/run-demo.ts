import { parseArgs } from "node:util";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { jsonReporter, type Outcome, type Reporter, textReporter } from "./reporter.ts";

/** A demo that has shown what it had to show; its mesh still runs until it is disposed of. */
export interface Shown extends AsyncDisposable {
  readonly outcome: Outcome;
  readonly succeeded: boolean;
  /** What a user may try now, as lines of text. */
  readonly next: readonly string[];
}

export interface Demo {
  readonly usage: string;
  readonly title: string;
  /** Throws what went wrong, after all of it is ended again. */
  show(reporter: Reporter, signal: AbortSignal): Promise<Shown>;
}

/** Runs a demo as the command line asks: for a person, until Ctrl-C, or with `--json`, to its end. Sets the exit code. */
export async function runDemo(demo: Demo): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    process.stdout.write(demo.usage);
    return;
  }
  const interrupted = new AbortController();
  // npm passes the signal on that the terminal has already sent: the second one says nothing new.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interrupted.abort());
  }
  const isJson = values.json === true;
  const reporter = isJson ? jsonReporter(process.stdout) : textReporter(process.stdout);
  process.exitCode = await run(demo, reporter, isJson, interrupted.signal);
}

async function run(
  demo: Demo,
  reporter: Reporter,
  endsAtOnce: boolean,
  signal: AbortSignal,
): Promise<number> {
  reporter.say(["", demo.title, ""]);
  try {
    await using shown = await demo.show(reporter, signal);
    if (!endsAtOnce) {
      reporter.say(shown.next);
      await aborted(signal);
      reporter.say(["", "  Ending the guests, the agents, the gateway and NATS"]);
    }
    await shown[Symbol.asyncDispose]();
    reporter.outcome(shown.outcome);
    return shown.succeeded ? 0 : 1;
  } catch (e) {
    const reason = signal.aborted ? "interrupted; everything it had started is ended" : failureReason(e);
    reporter.outcome({ outcome: "failed", reason });
    return 1;
  }
}

/** What to tell of a failure: its message. */
export function failureReason(e: unknown): string {
  return VirtError.is(e) ? e.message : `an internal error: ${messageOf(e)}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
