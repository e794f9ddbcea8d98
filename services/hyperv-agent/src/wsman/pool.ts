import type { Connection } from "./connection.ts";
import type { PostOptions } from "./http.ts";

/** Waits for its turn; undefined when it has given up. */
type Waiter = (connection: Connection) => boolean;

/** A few connections that requests take in turn: on each of them there is one at a time. */
export class ConnectionPool implements Disposable {
  readonly #open: () => Connection;
  readonly #limit: number;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #waiters: Waiter[] = [];

  constructor(open: () => Connection, limit: number) {
    this.#open = open;
    this.#limit = limit;
  }

  async post(envelope: string, options: PostOptions): Promise<string> {
    const connection = await this.#take(options.signal);
    try {
      return await connection.post(envelope, options);
    } finally {
      this.#give(connection);
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#all) connection[Symbol.dispose]();
  }

  #take(signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    const idle = this.#idle.pop();
    if (idle !== undefined) return Promise.resolve(idle);
    if (this.#all.size < this.#limit) {
      const made = this.#open();
      this.#all.add(made);
      return Promise.resolve(made);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    this.#waiters.push((connection) => {
      signal.removeEventListener("abort", giveUp);
      if (signal.aborted) return false;
      resolve(connection);
      return true;
    });
    return promise;
  }

  #give(connection: Connection): void {
    for (let next = this.#waiters.shift(); next !== undefined; next = this.#waiters.shift())
      if (next(connection)) return;
    this.#idle.push(connection);
  }
}
