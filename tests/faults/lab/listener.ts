import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { SeenStep } from "@virtmesh/agent/migration/fault-points";
import { VirtError } from "@virtmesh/core/errors";

/** A step as it arrived, in the order of arrival. */
export interface Seen extends SeenStep {
  readonly host: string;
  /** By `performance.now()`. */
  readonly atMs: number;
}

export interface Held {
  readonly host: string;
  readonly point: string;
  readonly migration: string;
}

type Message = { readonly host: string } & (
  | { readonly agent: string }
  | { readonly holding: readonly string[] }
  | { readonly held: string; readonly migration: string }
  | { readonly saw: SeenStep }
);

interface Caller {
  readonly socket: Socket;
  host: string;
  holding: string;
}

/** Hears every agent's fault points (`--fault-points`), and holds them where it is told to. */
export class FaultPointListener implements AsyncDisposable {
  readonly path: string;
  readonly #server: Server;
  readonly #callers = new Set<Caller>();
  readonly #watchers = new Set<() => void>();
  #places: readonly string[] = [];
  #held: Held[] = [];
  #seen: Seen[] = [];

  private constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => this.#take(socket));
  }

  static async listen(path: string): Promise<FaultPointListener> {
    await rm(path, { force: true });
    const listener = new FaultPointListener(path);
    await new Promise<void>((resolve, reject) => {
      listener.#server.once("error", reject);
      listener.#server.listen(path, resolve);
    });
    return listener;
  }

  /** All steps since the last `holdAt`. */
  get seen(): readonly Seen[] {
    return this.#seen;
  }

  /** Forgets what was, and holds at these places from now on; resolves when every agent knows. */
  async holdAt(places: readonly string[], signal: AbortSignal): Promise<void> {
    this.#places = places;
    this.#held = [];
    this.#seen = [];
    const wanted = JSON.stringify(places);
    for (const caller of this.#callers) this.#tell(caller);
    await this.until(
      () => [...this.#callers].every((c) => c.holding === wanted),
      signal,
      "an agent did not take the new fault points",
    );
  }

  /** Waits until somebody is held at one of these places. */
  async held(points: readonly string[], signal: AbortSignal): Promise<void> {
    const isHeld = (): boolean => this.#held.some((h) => points.includes(h.point));
    await this.until(isHeld, signal, `nobody came to ${points.join(" or ")}`);
  }

  /** Lets those at one place go on; who comes there later is held again. */
  go(point: string): void {
    for (const { socket } of this.#callers) socket.write(`${JSON.stringify({ go: point })}\n`);
  }

  /** Lets everybody go on, and holds nobody any more. */
  release(): void {
    const going = new Set([...this.#held.map((h) => h.point), ...this.#places]);
    this.#places = [];
    for (const caller of this.#callers) this.#tell(caller);
    for (const point of going) this.go(point);
  }

  /** Waits until something is so; looked at whenever an agent said something. */
  async until(isSo: () => boolean, signal: AbortSignal, otherwise: string): Promise<void> {
    if (isSo()) return;
    const done = new AbortController();
    try {
      await new Promise<void>((resolve, reject) => {
        const look = (): void => (isSo() ? resolve() : undefined);
        const stop = (): void => reject(new VirtError("DEADLINE", `${otherwise} in time`));
        this.#watchers.add(look);
        done.signal.addEventListener("abort", () => this.#watchers.delete(look));
        signal.addEventListener("abort", stop, { signal: done.signal });
        if (signal.aborted) stop();
      });
    } finally {
      done.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#callers) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(socket: Socket): void {
    const caller: Caller = { socket, host: "", holding: "" };
    this.#callers.add(caller);
    const lines = createInterface({ input: socket });
    // An agent that is killed resets its connection; readline hands that on.
    for (const emitter of [lines, socket]) emitter.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#callers.delete(caller);
      this.#wake();
    });
    lines.on("line", (line) => this.#hear(caller, JSON.parse(line, bigintIn) as Message));
  }

  #hear(caller: Caller, message: Message): void {
    const { host } = message;
    if ("agent" in message) {
      caller.host = host;
      this.#tell(caller);
    } else if ("holding" in message) caller.holding = JSON.stringify(message.holding);
    else if ("held" in message) this.#held.push({ host, point: message.held, migration: message.migration });
    else this.#seen.push({ ...message.saw, host, atMs: performance.now() });
    this.#wake();
  }

  #tell(caller: Caller): void {
    caller.socket.write(`${JSON.stringify({ hold: this.#places })}\n`);
  }

  #wake(): void {
    for (const look of this.#watchers) look();
  }
}

/** A bigint travels as `{$bigint}`: JSON has none. */
export function bigintIn(_key: string, value: unknown): unknown {
  return typeof value === "object" && value !== null && "$bigint" in value
    ? BigInt(String(value.$bigint))
    : value;
}
