import { messageOf, VirtError } from "@virtmesh/core/errors";
import { EarlyExit } from "./early-exit.ts";
import { causeChain, type Logger } from "./logger.ts";
import { Scope } from "./scope.ts";

/** Exit codes: 0 done or stopped by a signal, 1 failed, 2 the command line or configuration is wrong. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

export interface RunOptions {
  /** How long the disposal of the scope may take after a signal or a failure, in milliseconds. */
  readonly graceMs?: number;
  /** Gets the whole cause chain of a fatal error; made once the configuration is known. */
  readonly logger?: () => Logger | undefined;
}

/**
 * The frame of every `main.ts`. `main` wires everything into the scope and returns; the process then serves until
 * SIGTERM or SIGINT, disposes of the scope within `graceMs` and exits. A number returned by `main` ends the process
 * at once with that exit code. A second signal exits without waiting. A fatal error is one readable line on stderr.
 */
export async function runMain(
  main: (scope: Scope) => Promise<void | number>,
  options: RunOptions = {},
): Promise<never> {
  const scope = new Scope();
  const stop = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) process.exit(name === "SIGINT" ? 130 : 143);
    stop.resolve();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  // What nobody awaited is a bug: the state of the process is not to be trusted. Guests live on without it.
  process.on("uncaughtException", (e) => stop.reject(e));
  process.on("unhandledRejection", (e) => stop.reject(e));

  let code: number = EXIT.ok;
  try {
    const result = await Promise.race([main(scope), stop.promise]);
    if (typeof result === "number") code = result;
    else await stop.promise;
  } catch (e) {
    code = reportFatal(e, options.logger?.());
  }
  try {
    await disposeWithin(scope, options.graceMs ?? 10_000);
  } catch (e) {
    code = Math.max(code, reportFatal(e, options.logger?.()));
  }
  process.exit(code);
}

function reportFatal(e: unknown, logger: Logger | undefined): number {
  if (e instanceof EarlyExit) {
    process.stdout.write(e.message);
    return EXIT.ok;
  }
  const isKnown = VirtError.is(e);
  process.stderr.write(`${fatalLine(e)}\n`);
  if (logger !== undefined) logger.fatal({ err: e }, "the process ends");
  else if (!isKnown && e instanceof Error) process.stderr.write(`${e.stack}\n`);
  return isKnown && e.code === "INVALID_ARGUMENT" ? EXIT.usage : EXIT.failed;
}

/** An error and its causes in one line, for people. */
export function fatalLine(e: unknown): string {
  const texts = [e, ...causeChain(e)].map((one) => messageOf(one).replace(/\s*\n\s*/g, " "));
  // Messages often end in their cause's text; saying it twice helps nobody.
  const told = texts.filter((one, i) => i === 0 || !texts.slice(0, i).some((before) => before.includes(one)));
  return `fatal: ${told.join(": ")}`;
}

async function disposeWithin(scope: Scope, ms: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new VirtError("INTERNAL", `the shutdown took longer than ${ms / 1000} s and was broken off`),
      ),
    ms,
  );
  try {
    await Promise.race([scope[Symbol.asyncDispose](), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
