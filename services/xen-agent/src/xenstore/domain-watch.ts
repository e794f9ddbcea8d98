import { setTimeout as delay } from "node:timers/promises";
import { XenStore } from "./connection.ts";

/** What XenStore calls the moments at which a domain comes or goes. A domain that has ended is released twice. */
const COMES = "@introduceDomain";
const GOES = "@releaseDomain";
const AGAIN_MS = 200;

export interface DomainWatchOptions {
  /** Where the daemon listens. */
  readonly socket: string;
  /** A domain has come or gone, or may have while nobody looked. */
  readonly onChange: () => void;
  readonly onProblem: (e: unknown) => void;
}

/** Hears when domains come and go, by a connection to XenStore that is made again when it ends. */
export class DomainWatch implements AsyncDisposable {
  readonly #o: DomainWatchOptions;
  readonly #stop = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #store: XenStore | undefined;

  private constructor(options: DomainWatchOptions) {
    this.#o = options;
    this.#running = this.#run();
  }

  /** Resolves when it hears. @throws when nobody keeps XenStore there */
  static async open(options: DomainWatchOptions): Promise<DomainWatch> {
    const watch = new DomainWatch(options);
    try {
      await watch.#first.promise;
      return watch;
    } catch (e) {
      await watch[Symbol.asyncDispose]();
      throw e;
    }
  }

  /** The connection of this moment. @throws when there is none */
  get store(): XenStore {
    if (this.#store !== undefined) return this.#store;
    throw new Error(`there is no connection to XenStore at ${this.#o.socket}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        using store = await XenStore.connect(this.#o.socket, signal);
        const leave = (): void => store[Symbol.dispose]();
        signal.addEventListener("abort", leave, { once: true });
        // Each calls back once at its beginning: what has changed until now is looked at then.
        for (const path of [COMES, GOES]) await store.watch(path, () => this.#o.onChange());
        this.#store = store;
        this.#first.resolve();
        await store.closed;
        signal.removeEventListener("abort", leave);
        if (!signal.aborted) throw new Error("XenStore has ended the connection");
      } catch (e) {
        this.#first.reject(e);
        if (!signal.aborted) this.#o.onProblem(e);
      } finally {
        this.#store = undefined;
      }
      await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
