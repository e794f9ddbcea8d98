import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A tool of LXC said no, in its words. */
export class LxcError extends Error {
  readonly tool: string;

  constructor(tool: string, message: string) {
    super(message);
    this.name = "LxcError";
    this.tool = tool;
  }
}

/**
 * Runs a tool of LXC to its end. What it writes goes to a file: a container that it starts inherits its standard error
 * and would keep a pipe open for as long as it runs. @throws LxcError, or the signal's reason
 */
export async function runLxc(tool: string, args: readonly string[], signal?: AbortSignal): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "lxc-said-"));
  try {
    const path = join(dir, "stderr");
    await using said = await open(path, "w");
    const child = spawn(tool, args, {
      stdio: ["ignore", "ignore", said.fd],
      // C: what is looked for in messages must not depend on who runs the agent.
      env: { ...process.env, LC_ALL: "C" },
      ...(signal === undefined ? {} : { signal }),
    });
    const [code] = (await once(child, "exit")) as [number | null];
    const text = await readFile(path, "utf8");
    // lxc-start prints an error and ends well when the container runs already.
    if (code !== 0) throw new LxcError(tool, reasonIn(text) || `${tool} ended with ${code}`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** `lxc-start: web: ../src/lxc/start.c: lxc_spawn: 1732 Failed to ...` without where in LXC it was said. */
export function reasonIn(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => line.replace(/^lxc-\w+:\s*(?:[^:]+:\s*)?(?:\S+\.c:\s*\w+:\s*\d+\s*)?/, "").trim())
    .filter((line) => line !== "" && !/logfile|additional information can be obtained/i.test(line));
  return [...new Set(lines)].join("; ");
}

/** The errors in a log that a tool was told to write, oldest first. */
export function errorsIn(log: string): string {
  const lines = log.split("\n").flatMap((line) => {
    const [, message] = / ERROR\s+\w+ - [^-]*:\d+ - (.*)$/.exec(line) ?? [];
    return message === undefined ? [] : [message];
  });
  return [...new Set(lines)].slice(0, 3).join("; ");
}
