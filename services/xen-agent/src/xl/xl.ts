import { execFile } from "node:child_process";
import { messageOf } from "@virtmesh/core/errors";

/** Longer than any of its own limits: a device that does not answer is given up after 40 seconds. */
const PATIENCE_MS = 120_000;
const MAX_OUTPUT = 16 << 20;

/** Xen's toolstack said no, in its words. */
export class XlError extends Error {
  readonly verb: string;
  /** Everything it wrote. */
  readonly said: string;

  constructor(verb: string, message: string, said: string) {
    super(message);
    this.name = "XlError";
    this.verb = verb;
    this.said = said;
  }
}

/** Runs `xl` to its end and answers what it wrote. @throws XlError, or the signal's reason */
export function xl(args: readonly string[], signal?: AbortSignal): Promise<string> {
  const [verb = ""] = args;
  return new Promise((resolve, reject) => {
    execFile(
      "xl",
      args,
      {
        timeout: PATIENCE_MS,
        maxBuffer: MAX_OUTPUT,
        // C: what is looked for in messages must not depend on who runs the agent.
        env: { ...process.env, LC_ALL: "C" },
        ...(signal === undefined ? {} : { signal }),
      },
      (e, stdout, stderr) => {
        if (e === null) resolve(stdout);
        else if (signal?.aborted === true) reject(signal.reason as Error);
        else reject(new XlError(verb, reasonIn(stderr) || messageOf(e), stderr));
      },
    );
  });
}

/**
 * What xl says was wrong: the first error of its library that names a cause, without where in the source it was found, and
 * otherwise xl's own last line. The ones that follow only say what could not be done because of it.
 */
export function reasonIn(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const errors = lines
    .map(
      (line) =>
        /^libxl: error: [\w.]+:\d+:\w+: (?:Domain \d+:)?(.*)$/.exec(line)?.[1] ??
        /^xc: error: (.*)$/.exec(line)?.[1],
    )
    .filter((line) => line !== undefined);
  return errors[0] ?? lines.filter((line) => line !== "" && !line.startsWith("Parsing config")).at(-1) ?? "";
}
