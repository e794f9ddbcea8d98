import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { ReadStream } from "node:tty";
import type { ConsoleLine } from "./consoles.ts";

/** A program that shows a console on its standard output, and takes what is typed on its standard input. */
export function programLine([program = "", ...args]: readonly string[]): ConsoleLine {
  // Where to press what to leave goes to standard error; it means nothing here.
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
  return {
    ...{ output: child.stdout, input: child.stdin, closed: once(child, "close") },
    hangUp: () => void child.kill("SIGKILL"),
  };
}

/**
 * A terminal of this host at whose other end a hypervisor is. Its settings are left as the hypervisor made them, which is
 * raw: what Node calls raw still changes line ends. @throws an error of the system when it is not there
 */
export function terminalLine(path: string): ConsoleLine {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  // It opens the terminal once more for itself, so that reading does not hold up a thread; the first is of no use then.
  const stream = new ReadStream(fd);
  const closed = new Promise<void>((resolve) =>
    stream.once("close", () => {
      closeSync(fd);
      resolve();
    }),
  );
  return { output: stream, input: stream, closed, hangUp: () => void stream.destroy() };
}
