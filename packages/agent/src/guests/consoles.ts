import type { Readable, Writable } from "node:stream";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";

/** An open way to a console: what it says and what is typed into it. */
export interface ConsoleLine {
  readonly output: Readable;
  readonly input: Writable;
  /** Resolves when nothing of it is open any more, whoever ended it. */
  readonly closed: Promise<unknown>;
  hangUp(): void;
}

export interface ConsoleRequest {
  /** One reader for each. */
  readonly key: string;
  /** Whose it is, as messages say it: `guest "web"`. */
  readonly whose: string;
  /** Opens it, when nobody else has it. */
  readonly line: () => ConsoleLine;
  /** Takes it from whoever has it. */
  readonly force: boolean;
  /** Resolves when there is nothing to show any more, which the line itself may not see. */
  readonly ended: Promise<void>;
}

/** Consoles of a hypervisor, each with one reader at a time. */
export class Consoles implements AsyncDisposable {
  readonly #open = new Map<string, Console>();

  /** @throws CONSOLE_BUSY */
  async open({ key, whose, line, force, ended }: ConsoleRequest): Promise<ConsoleStream> {
    const holder = this.#open.get(key);
    if (holder !== undefined) {
      if (!force)
        throw new VirtError("CONSOLE_BUSY", `the console of ${whose} is open already; force takes it over`);
      await holder[Symbol.asyncDispose]();
    }
    const opened = new Console(line(), () => {
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
  readonly #line: ConsoleLine;
  readonly #closed: Promise<unknown>;

  constructor(line: ConsoleLine, onClose: () => void) {
    this.#line = line;
    this.output = chunksOf(line.output);
    this.#closed = line.closed.then(onClose, onClose);
    // What ends one side ends the other, where it is seen.
    for (const side of [line.output, line.input]) side.on("error", () => undefined);
  }

  write(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#line.input.write(data, (e) => {
        if (!e) resolve();
        else reject(new VirtError("HYPERVISOR_UNRESPONSIVE", "the console has ended", {}, { cause: e }));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#line.hangUp();
    await this.#closed;
  }
}

/** What a stream says, to its end, however it ended. */
export async function* chunksOf(stream: Readable): AsyncGenerator<Uint8Array> {
  let wake: () => void = () => undefined;
  const onChange = (): void => wake();
  const names = ["readable", "end", "close"] as const;
  for (const name of names) stream.on(name, onChange);
  try {
    for (;;) {
      const changed = new Promise<void>((resolve) => (wake = resolve));
      const chunk: unknown = stream.read();
      if (chunk instanceof Uint8Array) yield chunk;
      else if (stream.readableEnded || stream.destroyed) return;
      else await changed;
    }
  } finally {
    for (const name of names) stream.off(name, onChange);
  }
}
