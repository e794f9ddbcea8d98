import { parseArgs } from "node:util";
import { failureReason, nextCommands, showDemo } from "./demo.ts";
import { jsonReporter, type Reporter, textReporter } from "./reporter.ts";

const USAGE = `Usage: npm start [-- --json]

Runs two hosts, a gateway and NATS on this computer, moves a guest live between them with its disks and checks
that it lost nothing. The mesh then stays up until Ctrl-C. With --json it says so in one JSON object a line,
and ends everything when it is done.
`;

const { values } = parseArgs({
  options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
});
if (values.help === true) {
  process.stdout.write(USAGE);
} else {
  const interrupted = new AbortController();
  // npm passes the signal on that the terminal has already sent: the second one says nothing new.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interrupted.abort());
  }
  const isJson = values.json === true;
  const reporter = isJson ? jsonReporter(process.stdout) : textReporter(process.stdout);
  process.exitCode = await run(reporter, isJson, interrupted.signal);
}

async function run(reporter: Reporter, endsAtOnce: boolean, signal: AbortSignal): Promise<number> {
  if (!endsAtOnce) reporter.say(["", "virtmesh: a live migration between two hosts on this computer", ""]);
  try {
    await using demo = await showDemo(reporter, signal);
    if (!endsAtOnce) {
      reporter.say(nextCommands(demo.mesh));
      await aborted(signal);
      reporter.say(["", "  Ending the guest, the agents, the gateway and NATS"]);
    }
    await demo[Symbol.asyncDispose]();
    reporter.outcome(demo.outcome);
    return 0;
  } catch (e) {
    const reason = signal.aborted ? "interrupted; everything it had started is ended" : failureReason(e);
    reporter.outcome({ outcome: "failed", reason });
    return 1;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
