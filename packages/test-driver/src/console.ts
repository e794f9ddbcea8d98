import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";

/** Bytes a reader may leave unread before the guest waits for it. */
const WINDOW_BYTES = 64 * 1024;

/** The serial console of a test guest: it greets, then says back what it hears. */
export class Console implements ConsoleStream {
  readonly output: AsyncIterable<Uint8Array>;
  readonly #queue: Uint8Array[] = [];
  readonly #onEnd: () => void;
  #queued = 0;
  #ended = false;
  #readable = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();

  constructor(greeting: string, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.output = this.#read();
    this.#push(Buffer.from(greeting));
  }

  async write(data: Uint8Array): Promise<void> {
    while (this.#queued >= WINDOW_BYTES && !this.#ended) await this.#taken.promise;
    if (this.#ended) throw new VirtError("CANCELLED", "the console was closed");
    this.#push(Uint8Array.from(data));
  }

  /** The guest is gone, or somebody took the console over. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#readable.resolve();
    this.#taken.resolve();
    this.#onEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
  }

  #push(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#queue.push(data);
    this.#queued += data.length;
    this.#readable.resolve();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        this.#queued -= next.length;
        this.#taken.resolve();
        this.#taken = Promise.withResolvers();
        yield next;
      } else if (this.#ended) {
        return;
      } else {
        this.#readable = Promise.withResolvers();
        await this.#readable.promise;
      }
    }
  }
}
