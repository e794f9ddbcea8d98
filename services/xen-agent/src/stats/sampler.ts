import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Scope } from "@virtmesh/kit/scope";
import { parseTopRow, type TopRow } from "../xl/top.ts";

/** Xen counts processor time where only its own tools can read it, so one of them says it again and again. */
const EVERY_SECONDS = 5;
const AGAIN_MS = 5_000;

export interface Sample extends TopRow {
  readonly timeMs: number;
}

/** What xentop has said last of each domain; it runs as long as this does. */
export class Sampler implements AsyncDisposable {
  readonly #scope = new Scope();
  readonly #samples = new Map<string, Sample>();

  constructor(onProblem: (e: unknown) => void) {
    this.#scope.run(async (signal) => {
      while (!signal.aborted) {
        try {
          await this.#listen(signal);
        } catch (e) {
          if (!signal.aborted) onProblem(e);
        }
        await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }, onProblem);
  }

  of(name: string): Sample | undefined {
    return this.#samples.get(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const child: ChildProcessByStdio<null, Readable, null> = spawn(
      "xentop",
      ["-b", "-f", "-d", String(EVERY_SECONDS)],
      { signal, stdio: ["ignore", "pipe", "ignore"] },
    );
    const ended = once(child, "close");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const row = parseTopRow(line);
      if (row !== undefined) this.#samples.set(row.name, { ...row, timeMs: Date.now() });
    });
    await ended;
    throw new Error("xentop has ended");
  }
}
