import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { VirtError } from "@virtmesh/core/errors";
import { type Channel, connect } from "@virtmesh/kit/grpc-client";
import { tlsFrom } from "@virtmesh/kit/tls";
import { errnoOf } from "./errno.ts";
import { Child, type ExitStatus } from "./process.ts";

export interface ServiceOptions {
  /** For messages: "the agent of host-a". */
  readonly name: string;
  readonly argv: readonly string[];
  /** Where it answers gRPC. */
  readonly address: string;
  /** Where it answers `/metrics` over HTTP. */
  readonly metrics: string;
  /** TLS folder of a caller, and the name in the service's certificate; without it no TLS is used. */
  readonly tls?: { readonly caller: string; readonly serverName: string };
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take to answer. */
  readonly readyMs?: number;
}

const READY_MS = 60_000;
const READY_TURN_MS = 150;

/** One process of a mesh: a gateway or an agent. It can be ended in any way and started again at the same address. */
export class Service implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly metrics: string;
  readonly logFile: string;
  readonly #options: ServiceOptions;
  #child: Child;

  private constructor(options: ServiceOptions, child: Child) {
    this.#options = options;
    this.#child = child;
    this.name = options.name;
    this.address = options.address;
    this.metrics = options.metrics;
    this.logFile = options.logFile;
  }

  /** Starts it and waits until it answers. */
  static async start(options: ServiceOptions, signal?: AbortSignal): Promise<Service> {
    const service = new Service(options, await launch(options));
    try {
      await service.ready(signal);
    } catch (e) {
      await service[Symbol.asyncDispose]();
      throw e;
    }
    return service;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.status === undefined;
  }

  /** Resolves when the present process has ended. */
  get exited(): Promise<ExitStatus> {
    return this.#child.exited;
  }

  /** The last lines of its log. */
  tail(lines?: number): string {
    return this.#child.tail(lines).join("\n");
  }

  /** A channel to it; the caller closes it. */
  async connect(): Promise<Channel> {
    const { tls } = this.#options;
    if (tls === undefined) return connect(this.address);
    return connect(this.address, { tls: await tlsFrom(tls.caller), serverName: tls.serverName });
  }

  /** Resolves when it answers gRPC; fails when it ended or is not there in time, with what it said last. */
  async ready(signal?: AbortSignal): Promise<void> {
    const child = this.#child;
    const stop = new AbortController();
    void child.exited.then(() => stop.abort());
    const limits = AbortSignal.any([
      stop.signal,
      AbortSignal.timeout(this.#options.readyMs ?? READY_MS),
      ...(signal ? [signal] : []),
    ]);
    const began = Date.now();
    while (!limits.aborted) {
      // In short turns, each on a channel of its own: one that was refused waits longer each time before it tries again.
      // Whoever is slow to start is slow to greet too, and needs longer ones.
      await using channel = await this.connect();
      const turnMs = Math.max(READY_TURN_MS, (Date.now() - began) / 10);
      try {
        return await channel.waitForReady(limits, Date.now() + turnMs);
      } catch (e) {
        if (signal?.aborted === true) throw e;
      }
    }
    const how = child.status === undefined ? "did not answer in time" : "ended at once";
    throw new VirtError("HOST_SETUP", `${this.name} ${how}; it said:\n${this.tail(12)}`);
  }

  /** Ends it with this signal and waits until it has ended. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<ExitStatus> {
    if (this.running) this.#child.kill(signal);
    return await this.#child.exited;
  }

  /** SIGSTOP: it holds its sockets and answers nothing. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** Starts it again, after ending it in order when it still runs; waits until it answers. */
  async restart(): Promise<void> {
    await this.#child.stop();
    this.#child = await launch(this.#options);
    await this.ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.resume();
    await this.#child.stop();
  }
}

async function launch(options: ServiceOptions): Promise<Child> {
  const { name, argv, logFile, env } = options;
  return await Child.start(argv, { name, logFile, ...(env ? { env } : {}) });
}

/** A port that nobody uses on an address at this moment; the preferred one when it is free. */
export async function freePort(address: string, preferred = 0): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(preferred, address, resolve);
    });
  } catch (e) {
    if (preferred !== 0 && errnoOf(e) === "EADDRINUSE") return await freePort(address);
    throw e;
  }
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
