import { messageOf } from "@virtmesh/core/errors";

type End = () => void | Promise<void>;

/**
 * Owns what has a lifetime: things with a dispose, clean-up steps and background tasks. Disposal aborts the
 * signal, waits for the tasks, and then ends everything in reverse order of its coming. Every end is tried even
 * when others fail; the failures come out as one AggregateError.
 */
export class Scope implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #ends: End[] = [];
  readonly #tasks = new Set<Promise<void>>();
  readonly #parent: AbortSignal | undefined;
  readonly #onParent = (): void => this.#abort.abort(this.#parent?.reason);
  #disposal: Promise<void> | undefined;

  /** `parent`, once aborted, aborts this scope's signal too; disposing stays the owner's act. */
  constructor(parent?: AbortSignal) {
    this.#parent = parent;
    if (parent?.aborted) this.#abort.abort(parent.reason);
    else parent?.addEventListener("abort", this.#onParent, { once: true });
  }

  /** Aborted when the scope or its parent ends. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Takes over a thing and gives it back. A scope that has already ended disposes of it at once, so that nothing
   * made during a shutdown is left behind.
   */
  own<T extends Disposable | AsyncDisposable>(thing: T): T {
    this.defer(() => endOf(thing));
    return thing;
  }

  /** Runs `end` when the scope ends; at once when it has ended. */
  defer(end: End): void {
    if (this.#disposal === undefined) this.#ends.push(end);
    else this.#late(end);
  }

  /** Starts a background task that is awaited at disposal; a failure goes to `onError` and nowhere else. */
  run(task: (signal: AbortSignal) => Promise<void>, onError: (e: unknown) => void): void {
    const running = (async () => {
      try {
        await task(this.signal);
      } catch (e) {
        if (!(this.signal.aborted && e === this.signal.reason)) onError(e);
      }
    })();
    const tracked = running.finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async #dispose(): Promise<void> {
    this.#parent?.removeEventListener("abort", this.#onParent);
    this.#abort.abort();
    const failures: unknown[] = [];
    const attempt = async (work: () => unknown): Promise<void> => {
      try {
        await work();
      } catch (e) {
        failures.push(e);
      }
    };
    while (this.#tasks.size > 0) await attempt(() => Promise.all(this.#tasks));
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await attempt(end);
    // What came late is started already; it only has to finish.
    while (this.#tasks.size > 0) await attempt(() => Promise.all(this.#tasks));
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, failures.map(messageOf).join("; "));
  }

  #late(end: End): void {
    const ending = (async () => end())();
    const tracked = ending.finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }
}

function endOf(thing: Disposable | AsyncDisposable): void | Promise<void> {
  if (Symbol.asyncDispose in thing) return Promise.resolve(thing[Symbol.asyncDispose]());
  thing[Symbol.dispose]();
}
