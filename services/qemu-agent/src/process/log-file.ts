import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** How much of a log an error may quote. */
const TAIL_BYTES = 4096;
const TAIL_LINES = 5;
/** How our line before each start begins. */
const BEGIN = "# started at ";

/** A hypervisor's log: what a process writes to its stdout and stderr, with a line of ours before each start. */
export class LogFile implements AsyncDisposable {
  static async open(path: string): Promise<LogFile> {
    await mkdir(dirname(path), { recursive: true });
    return new LogFile(path, await open(path, "a+", 0o600));
  }

  readonly path: string;
  readonly #file: FileHandle;
  #begin = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  get fd(): number {
    return this.#file.fd;
  }

  /** Writes how the process is started; `tail` begins after it. */
  async begin(argv: readonly string[]): Promise<void> {
    await this.#file.appendFile(`${BEGIN}${new Date().toISOString()}: ${argv.join(" ")}\n`);
    this.#begin = (await this.#file.stat()).size;
  }

  /** The last lines the process wrote since `begin`, joined by "; "; empty when it wrote nothing. */
  async tail(): Promise<string> {
    const { size } = await this.#file.stat();
    return lastLines(await readText(this.#file, Math.max(this.#begin, size - TAIL_BYTES), size));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** The last lines without the time and QEMU's own name before each, in one sentence. */
export function lastLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim().replace(/^(?:\d{4}-\S+Z )?(?:\S*qemu-system-\S+: )?/, ""))
    .filter((line) => line !== "" && !/\bwarning: /.test(line))
    .slice(-TAIL_LINES)
    .join("; ");
}

/** The last lines that the latest process wrote to a log; empty without a log. */
export async function lastWords(path: string): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { size } = await file.stat();
    const text = await readText(file, Math.max(0, size - TAIL_BYTES), size);
    const [, ...written] = (text.split(BEGIN).at(-1) ?? "").split("\n");
    return lastLines(text.includes(BEGIN) ? written.join("\n") : text);
  } finally {
    await file.close();
  }
}

async function readText(file: FileHandle, from: number, to: number): Promise<string> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(to - from), position: from });
  return buffer.toString("utf8", 0, bytesRead);
}
