import type { FileHandle } from "node:fs/promises";
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";
import { makeDir } from "./make-dir.ts";

/** What a log file held when it was opened. */
export interface ReadLines {
  /** Whole entries, oldest first. */
  readonly entries: readonly unknown[];
  /** Bytes of a last line that the end of the process cut off; they are dropped. */
  readonly tornBytes: number;
  /** Lines in the middle that are not JSON: somebody edited the file, or the disk is bad. */
  readonly badLines: number;
}

/** Reads the text of a log: one JSON value a line; only what ends in a newline was written whole. */
export function readLines(text: string): ReadLines {
  const end = text.lastIndexOf("\n") + 1;
  const entries: unknown[] = [];
  let badLines = 0;
  for (const line of text.slice(0, end).split("\n")) {
    if (line === "") continue;
    try {
      entries.push(JSON.parse(line));
    } catch {
      badLines += 1;
    }
  }
  return { entries, tornBytes: Buffer.byteLength(text.slice(end)), badLines };
}

/**
 * A file of JSON lines that is only appended to, and rewritten as a whole when it has grown too long. Survives
 * the end of the process; a power cut may lose its last moments, which is why nothing that decides lives here.
 */
export class LineLog implements AsyncDisposable {
  readonly #path: string;
  #file: FileHandle;
  #lines: number;
  /** Text that waits for the write under way; everything that came meanwhile leaves in one write. */
  #pending = "";
  #tail: Promise<void> = Promise.resolve();
  #flushing: Promise<void> | undefined;

  private constructor(path: string, file: FileHandle, lines: number) {
    this.#path = path;
    this.#file = file;
    this.#lines = lines;
  }

  /** Opens or makes the file. Throws HOST_SETUP naming it when that cannot be. */
  static async open(path: string): Promise<{ log: LineLog; read: ReadLines }> {
    try {
      await makeDir(dirname(path));
      const read = readLines(await textOf(path));
      const file = await open(path, "a", 0o640);
      const log = new LineLog(path, file, read.entries.length);
      if (read.tornBytes > 0 || read.badLines > 0) await log.rewrite(read.entries);
      return { log, read };
    } catch (cause) {
      throw new VirtError("HOST_SETUP", `cannot use ${path}: ${messageOf(cause)}`, {}, { cause });
    }
  }

  /** Lines in the file, those that wait included. */
  get lines(): number {
    return this.#lines;
  }

  /** Resolves when the entry is in the file. */
  append(entry: unknown): Promise<void> {
    this.#lines += 1;
    this.#pending += `${JSON.stringify(entry)}\n`;
    this.#flushing ??= this.#then(() => this.#flush());
    return this.#flushing;
  }

  /** Replaces the file by these entries, in one step: a reader sees the old file or the new one. */
  rewrite(entries: readonly unknown[]): Promise<void> {
    // What waits is written to the old file first, so its promise keeps its word; the entries hold its outcome.
    this.#lines = entries.length;
    const text = entries.map((e) => `${JSON.stringify(e)}\n`).join("");
    return this.#then(() => this.#replace(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = "";
    this.#flushing = undefined;
    if (text !== "") await this.#file.appendFile(text);
  }

  async #replace(text: string): Promise<void> {
    const next = `${this.#path}.new`;
    const file = await open(next, "w", 0o640);
    await file.writeFile(text);
    await file.sync();
    await rename(next, this.#path);
    const old = this.#file;
    this.#file = await reopen(file, this.#path);
    await old.close();
  }

  /** One write after the other; a failed one is its caller's and does not stop the next. */
  #then(work: () => Promise<void>): Promise<void> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

async function reopen(written: FileHandle, path: string): Promise<FileHandle> {
  await written.close();
  return open(path, "a", 0o640);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (e) {
    if (systemCode(e) === "ENOENT") return "";
    throw e;
  }
}
