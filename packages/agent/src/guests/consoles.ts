import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";

export interface ConsoleRequest {
  /** One reader for each. */
  readonly key: string;
  /** Whose it is, as messages say it: `guest "web"`. */
  readonly whose: string;
  /** A program that shows it on its standard output, and takes what is typed on its standard input. */
  readonly argv: readonly string[];
  /** Takes it from whoever has it. */
  readonly force: boolean;
  /** Resolves when there is nothing to show any more, which the program may not see. */
  readonly ended: Promise<void>;
}

/** Consoles that a program of the hypervisor shows, each with one reader at a time. */
export class Consoles implements AsyncDisposable {
  readonly #open = new Map<string, Console>();

  /** @throws CONSOLE_BUSY */
  async open({ key, whose, argv, force, ended }: ConsoleRequest): Promise<ConsoleStream> {
    const holder = this.#open.get(key);
    if (holder !== undefined) {
      if (!force)
        throw new VirtError("CONSOLE_BUSY", `the console of ${whose} is open already; force takes it over`);
      await holder[Symbol.asyncDispose]();
    }
    const [program = "", ...args] = argv;
    // Where to press what to leave goes to standard error; it means nothing here.
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
    const opened = new Console(child, () => {
      if (this.#open.get(key) === opened) this.#open.delete(key);
    });
    this.#open.set(key, opened);
    void ended.then(() => opened[Symbol.asyncDispose]());
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((console) => console[Symbol.asyncDispose]()));
  }
}

class Console implements ConsoleStream {
  readonly output: AsyncIterable<Uint8Array>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #closed: Promise<unknown>;

  constructor(child: ChildProcessByStdio<Writable, Readable, null>, onClose: () => void) {
    this.#child = child;
    this.output = child.stdout;
    this.#closed = once(child, "close").then(onClose, onClose);
    child.stdin.on("error", () => undefined);
  }

  write(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.stdin.write(data, (e) => {
        if (!e) resolve();
        else reject(new VirtError("HYPERVISOR_UNRESPONSIVE", "the console has ended", {}, { cause: e }));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }
}
