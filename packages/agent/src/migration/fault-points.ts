import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { JournalSide } from "./journal.ts";

/** What a machine of a migration was fed with, or began with: enough to play the same again without any I/O. */
export interface SeenStep {
  readonly migration: string;
  readonly side: JournalSide;
  readonly kind: "begin" | "restart" | "fact" | "finished";
  /** State that it met. */
  readonly phase: string;
  readonly detail: unknown;
}

/**
 * For tests of what happens when something dies at an exact place: tells what the machines see, and holds the agent
 * before an effect (`source.decide`), behind one (`source.startMirrors.done`) or before a fact is taken
 * (`source.recordDestination`). An agent that was not told of a listener has none, and passes every place untouched.
 */
export interface FaultPoints {
  saw(step: SeenStep): void;
  /** undefined: nobody waits at this place. */
  hold(migration: string, point: string): Promise<void> | undefined;
}

/** Effects and facts that are about an entry of the journal are told apart by it. */
export function pointOf(
  side: JournalSide,
  what: { readonly effect?: string; readonly fact?: string; readonly entry?: string },
): string {
  const name = what.effect ?? what.fact ?? "";
  return what.entry === undefined ? `${side}.${name}` : `${side}.${name}.${what.entry}`;
}

/** From the listener: the places to hold at from now on, or one to go on from. */
type Order = { readonly hold: readonly string[] } | { readonly go: string };

/** The other end is a UNIX socket, or host:port; JSON a line both ways. When it goes away nothing is held any more. */
export class SocketFaultPoints implements FaultPoints, AsyncDisposable {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #told = Promise.withResolvers<void>();
  #held = new Map<string, PromiseWithResolvers<void>>();
  #places: ReadonlySet<string> = new Set();

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    const lines = createInterface({ input: socket });
    lines.on("line", (line) => this.#obey(JSON.parse(line) as Order));
    // It hands the socket's errors on, and those are the end of it, which is told by "close".
    for (const emitter of [lines, socket]) emitter.on("error", () => socket.destroy());
    socket.on("close", () => this.#release());
  }

  /** Resolves when the listener has said where to hold. @throws HOST_SETUP */
  static async connect(path: string, host: string): Promise<SocketFaultPoints> {
    const [, address, port] = /^([^/]+):(\d+)$/.exec(path) ?? [];
    const socket = address === undefined ? connect(path) : connect(Number(port), address);
    try {
      await once(socket, "connect");
    } catch (e) {
      throw new VirtError(
        "HOST_SETUP",
        `nobody listens for fault points at ${path}: ${messageOf(e)}`,
        {},
        { cause: e },
      );
    }
    const points = new SocketFaultPoints(socket, host);
    points.#say({ agent: host });
    await points.#told.promise;
    return points;
  }

  saw(step: SeenStep): void {
    this.#say({ saw: step });
  }

  hold(migration: string, point: string): Promise<void> | undefined {
    if (!this.#places.has(point)) return undefined;
    const going = this.#held.get(point) ?? Promise.withResolvers<void>();
    this.#held.set(point, going);
    this.#say({ held: point, migration });
    return going.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    this.#release();
  }

  #obey(order: Order): void {
    if ("go" in order) {
      this.#held.get(order.go)?.resolve();
      this.#held.delete(order.go);
      return;
    }
    this.#places = new Set(order.hold);
    this.#say({ holding: order.hold });
    this.#told.resolve();
  }

  #release(): void {
    this.#places = new Set();
    for (const going of this.#held.values()) going.resolve();
    this.#held = new Map();
    this.#told.resolve();
  }

  #say(message: unknown): void {
    if (this.#socket.destroyed) return;
    const text = JSON.stringify({ host: this.#host, ...(message as object) }, bigintAsText);
    this.#socket.write(`${text}\n`);
  }
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? { $bigint: value.toString() } : value;
}
