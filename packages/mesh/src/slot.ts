/**
 * Hands single values from one task to another without a queue: `put` waits until its value was taken, so a
 * reader that is slow slows its writer and nothing piles up.
 */
export class Slot<T> {
  #waiting: { value: T; taken: () => void } | undefined;
  #taker: { resolve: (value: T | undefined) => void; reject: (e: unknown) => void } | undefined;
  #ended = false;
  #error: unknown;

  /** Resolves when the value was taken or the slot has ended. One `put` at a time. */
  async put(value: T): Promise<void> {
    if (this.#ended) return;
    if (this.poke(value)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { value, taken: resolve };
    await promise;
  }

  /** Gives the value to a reader that is waiting at this moment; otherwise does nothing and answers false. */
  poke(value: T): boolean {
    const taker = this.#taker;
    if (!taker) return false;
    this.#taker = undefined;
    taker.resolve(value);
    return true;
  }

  /** The next value; undefined after the end; rejects with the error given to `end`. */
  take(): Promise<T | undefined> {
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      waiting.taken();
      return Promise.resolve(waiting.value);
    }
    if (this.#ended)
      return this.#error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#error);
    const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
    this.#taker = { resolve, reject };
    return promise;
  }

  /** No more values; with an error, the reader gets it after the value that waits. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#waiting?.taken();
    const taker = this.#taker;
    this.#taker = undefined;
    if (error === undefined) taker?.resolve(undefined);
    else taker?.reject(error);
  }
}
