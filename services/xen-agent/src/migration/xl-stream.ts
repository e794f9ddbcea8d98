import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { systemCode } from "@virtmesh/core/errors";
import { runTool } from "@virtmesh/agent/machine/run-tool";
import { reasonIn } from "../xl/xl.ts";

const TAIL_BYTES = 16 << 10;
/** An xl that lost its other end gives up at once; a guest that does not let itself be stopped is given a minute. */
const END_MS = 90_000;

/**
 * An `xl` that a guest's memory goes through. It is in a process group of its own, and as long as anything of it lives the
 * file `lock` is locked: the agent that comes next can wait for its end.
 */
export class XlStream {
  /** Resolves when it has ended and does nothing more to any domain. */
  readonly exited: Promise<void>;
  readonly process: ChildProcess;
  #said = "";

  constructor(args: readonly string[], options: { readonly lock: string; readonly stdio: StdioOptions }) {
    this.process = spawn("flock", ["--no-fork", options.lock, "xl", ...args], {
      ...{ stdio: options.stdio, detached: true },
      env: { ...process.env, LC_ALL: "C" },
    });
    this.process.stderr?.on("data", (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-TAIL_BYTES);
    });
    this.exited = new Promise((resolve) => {
      this.process.once("error", (e) => {
        this.#said += `\n${e.message}`;
        resolve();
      });
      this.process.once("exit", () => resolve());
    });
  }

  /** What it says was wrong. */
  get reason(): string {
    return reasonIn(this.#said);
  }

  /** Ends it at once, with all that it has started. */
  kill(): void {
    const { pid, exitCode, signalCode } = this.process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (e) {
      // It ended in this moment.
      if (systemCode(e) !== "ESRCH") throw e;
    }
  }
}

/** Waits for the end of one that an earlier agent has started. @throws HOST_SETUP when it does not end */
export async function endOf(lock: string): Promise<void> {
  await runTool("flock", [lock, "true"], { timeoutMs: END_MS });
}
