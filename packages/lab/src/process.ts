import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { VirtError } from "@virtmesh/core/errors";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Given to it on stdin. */
  readonly input?: Uint8Array;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a non-zero exit is HOST_SETUP with the last line it wrote to stderr. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { stdout, stderr } = await runBytes(argv, options);
  return { stdout: stdout.toString("utf8"), stderr };
}

/** As `run`, with what it wrote to stdout as it was. */
export function runBytes(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<{ stdout: Buffer; stderr: string }> {
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      {
        encoding: "buffer",
        maxBuffer: 512 * 1024 * 1024,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        env: { ...process.env, ...options.env },
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (error, stdout, stderr) => {
        const said = stderr.toString("utf8");
        if (!error) resolve({ stdout, stderr: said });
        else reject(failed(argv, error, said));
      },
    );
    // It may end before it has read everything; its exit code says whether that was in order.
    child.stdin?.on("error", () => undefined).end(options.input);
  });
}

function failed(argv: readonly string[], error: Error, stderr: string): VirtError {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  const why = "code" in error && error.code === "ENOENT" ? "it is not installed" : last || error.message;
  return new VirtError("HOST_SETUP", `"${argv.join(" ")}" failed: ${why}`, {}, { cause: error });
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions extends RunOptions {
  /** For messages: "nats-server", "agent of host-a". */
  readonly name: string;
  /** Everything it writes is kept here too. */
  readonly logFile?: string;
}

const TAIL_LINES = 200;
/** A test runner that is killed must not leave processes behind. */
const DIE_WITH_US = process.platform === "linux" ? ["setpriv", "--pdeathsig", "KILL", "--"] : [];

/** A process of ours, with the last lines it wrote. Disposing ends it: SIGTERM, then SIGKILL after five seconds. */
export class Child implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  readonly #process: ChildProcess;
  readonly #log: WriteStream | undefined;
  readonly #tail: string[] = [];
  readonly #watchers = new Set<(line: string) => void>();
  #status: ExitStatus | undefined;

  private constructor(process: ChildProcess, pid: number, options: ChildOptions) {
    this.#process = process;
    this.name = options.name;
    this.pid = pid;
    this.#log =
      options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: "a" });
    for (const stream of [process.stdout, process.stderr]) {
      if (stream) eachLine(stream, (line) => this.#take(line));
    }
    this.exited = new Promise((resolve) => {
      process.once("close", (code, signal) => {
        this.#status = { code, signal };
        this.#log?.end();
        resolve(this.#status);
      });
    });
  }

  static async start(argv: readonly string[], options: ChildOptions): Promise<Child> {
    const [program = "", ...args] = [...DIE_WITH_US, ...argv];
    const child = spawn(program, args, {
      // Ctrl-C at the terminal is for us; we end our children in their order.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) =>
        reject(
          new VirtError(
            "HOST_SETUP",
            `${options.name} cannot be started: ${error.message}`,
            {},
            { cause: error },
          ),
        ),
      );
    });
    return new Child(child, child.pid ?? 0, options);
  }

  get status(): ExitStatus | undefined {
    return this.#status;
  }

  /** The last lines it wrote to stdout and stderr. */
  tail(lines = TAIL_LINES): readonly string[] {
    return this.#tail.slice(-lines);
  }

  /** Waits for a line that matches; fails when the process ends first, with what it said last. */
  async line(pattern: RegExp, signal?: AbortSignal): Promise<RegExpMatchArray> {
    const settled = new AbortController();
    const seen = new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = (line: string): void => {
        const match = line.match(pattern);
        if (match) resolve(match);
      };
      this.#tail.forEach(look);
      this.#watchers.add(look);
      settled.signal.addEventListener("abort", () => this.#watchers.delete(look));
      signal?.addEventListener("abort", () => reject(this.#unready("in time")), { signal: settled.signal });
      if (signal?.aborted === true) reject(this.#unready("in time"));
    });
    const gone = this.exited.then(({ code, signal: by }): never => {
      throw this.#unready(`before it ended (${by === null ? `exit code ${code}` : by})`);
    });
    try {
      return await Promise.race([seen, gone]);
    } finally {
      settled.abort();
      gone.catch(() => undefined);
    }
  }

  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    this.#process.kill(signal);
  }

  /** SIGTERM, then SIGKILL when it is still there after the grace; answers how it ended. */
  async stop(graceMs = 5000): Promise<ExitStatus> {
    if (this.#status) return this.#status;
    this.kill("SIGTERM");
    const hard = setTimeout(() => this.kill("SIGKILL"), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(hard);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #take(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    this.#log?.write(`${line}\n`);
    for (const watcher of this.#watchers) watcher(line);
  }

  #unready(when: string): VirtError {
    const said = this.tail(8).join("\n");
    return new VirtError(
      "HOST_SETUP",
      `${this.name} was not ready ${when}${said === "" ? "" : `; it said:\n${said}`}`,
    );
  }
}

/** Calls back for every whole line of a stream. */
export function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = "";
  stream.on("data", (chunk: Buffer | string) => {
    // A serial console ends its lines with \r\n.
    const lines = (rest + chunk.toString()).split(/\r?\n/);
    rest = lines.pop() ?? "";
    lines.forEach(take);
  });
  stream.on("end", () => {
    if (rest !== "") take(rest);
  });
}
