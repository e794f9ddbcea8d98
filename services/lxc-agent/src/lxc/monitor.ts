import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type LxcRecord, RecordReader } from "./records.ts";
import { monitorSocket } from "./sockets.ts";

const MONITORD = "/usr/libexec/lxc/lxc-monitord";
const READY_MS = 5_000;
const AGAIN_MS = 200;

export interface MonitorOptions {
  /** The folder of the containers. */
  readonly lxcPath: string;
  readonly onRecord: (record: LxcRecord) => void;
  /** Records may have been lost until now: the time to look at what is. Called before any record of this connection. */
  readonly onConnected: () => void;
  readonly onProblem: (e: unknown) => void;
  readonly monitord?: string;
}

/**
 * What happens to the containers below a path, told by lxc-monitord over its socket. The daemon is started when there is
 * none, and again when it ends; it ends by itself some time after nobody listens.
 */
export class Monitor implements AsyncDisposable {
  readonly #o: MonitorOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #first = Promise.withResolvers<void>();

  private constructor(options: MonitorOptions) {
    this.#o = options;
    this.#running = this.#run();
  }

  /** Resolves when it listens. @throws when there is no lxc-monitord that can be used */
  static async open(options: MonitorOptions): Promise<Monitor> {
    const monitor = new Monitor(options);
    try {
      await monitor.#first.promise;
      return monitor;
    } catch (e) {
      await monitor[Symbol.asyncDispose]();
      throw e;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const socket = await this.#connect();
        this.#o.onConnected();
        this.#first.resolve();
        await this.#listen(socket);
      } catch (e) {
        this.#first.reject(e);
        if (!signal.aborted) this.#o.onProblem(e);
      }
      await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** To the daemon that is there, or to one that is started. */
  async #connect(): Promise<Socket> {
    const there = await this.#dial().catch(() => undefined);
    if (there !== undefined) return there;
    await this.#start();
    return await this.#dial();
  }

  async #dial(): Promise<Socket> {
    const socket = connect({ path: monitorSocket(this.#o.lxcPath) });
    try {
      await once(socket, "connect", { signal: this.#stop.signal });
      return socket;
    } catch (e) {
      socket.destroy();
      throw e;
    }
  }

  /** Resolves when the daemon says that it is ready, which it does by a byte on the descriptor it is given. */
  async #start(): Promise<void> {
    const daemon: ChildProcess = spawn(this.#o.monitord ?? MONITORD, [this.#o.lxcPath, "3"], {
      // It serves whoever listens, and lives on when this agent ends.
      detached: true,
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    daemon.unref();
    const ready = daemon.stdio[3];
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(READY_MS)]);
    const failed = once(daemon, "error", { signal }).then(([e]) => Promise.reject(e));
    try {
      if (ready)
        await Promise.race([once(ready, "data", { signal }), once(ready, "close", { signal }), failed]);
    } finally {
      failed.catch(() => undefined);
      ready?.destroy();
    }
  }

  async #listen(socket: Socket): Promise<void> {
    const { signal } = this.#stop;
    const reader = new RecordReader();
    const stop = (): void => void socket.destroy();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    socket.on("data", (chunk: Buffer) => {
      for (const record of reader.read(chunk)) this.#o.onRecord(record);
    });
    // Its end is all that counts; what it ended with says nothing more.
    socket.on("error", () => undefined);
    try {
      await once(socket, "close");
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}
