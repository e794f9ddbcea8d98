import type { ReserveResponse } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { VirtError } from "@virtmesh/core/errors";

/** How the destination answers. */
export type Answer =
  | { readonly answer: "queued"; readonly place: number; readonly waiting: number; readonly limit: number }
  | { readonly answer: "granted"; readonly bandwidth: bigint }
  | { readonly answer: "lost"; readonly error: VirtError };

/** A place at the destination, asked for, waited for or held; given back when disposed. */
export class Reservation implements Disposable {
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #answer: Answer | undefined;

  /** `ask` begins to ask, until its signal is aborted. */
  constructor(ask: (signal: AbortSignal) => AsyncIterable<ReserveResponse>) {
    void this.#listen(ask);
  }

  /** undefined until the destination has answered. */
  get now(): Answer | undefined {
    return this.#answer;
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Resolves when the answer is what is wanted, or lost. Throws the signal's reason. */
  async until(wanted: (answer: Answer) => boolean, signal: AbortSignal): Promise<Answer> {
    const reached = Promise.withResolvers<Answer>();
    const look = (): void => {
      const answer = this.#answer;
      if (answer !== undefined && (answer.answer === "lost" || wanted(answer))) reached.resolve(answer);
    };
    const stop = (): void => reached.reject(signal.reason);
    using _hearing = this.onChange(look);
    signal.addEventListener("abort", stop, { once: true });
    look();
    if (signal.aborted) stop();
    try {
      return await reached.promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#listeners.clear();
  }

  /** Never fails: how it ends is an answer too. */
  async #listen(ask: (signal: AbortSignal) => AsyncIterable<ReserveResponse>): Promise<void> {
    let error = new VirtError("PEER_LOST", "the destination ended the reservation");
    try {
      for await (const { message } of ask(this.#stop.signal)) {
        if (message?.$case === "queued") this.#hear({ answer: "queued", ...message.value });
        if (message?.$case === "granted")
          this.#hear({ answer: "granted", bandwidth: message.value.bandwidthBytesPerSecond });
      }
    } catch (e) {
      error = VirtError.from(e);
    }
    this.#hear({ answer: "lost", error });
  }

  #hear(answer: Answer): void {
    if (this.#stop.signal.aborted) return;
    this.#answer = answer;
    for (const listener of [...this.#listeners]) listener();
  }
}
