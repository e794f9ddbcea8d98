import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodePacket, MAX_BODY, PACKET, type Packet, PacketReader, strings, textsIn } from "./packets.ts";

/** XenStore said no: `ENOENT`, `EACCES`, ... */
export class XenStoreError extends Error {
  readonly code: string;

  constructor(code: string, what: string) {
    super(`XenStore answered ${code} to ${what}`);
    this.name = "XenStoreError";
    this.code = code;
  }
}

interface Waiting {
  readonly what: string;
  readonly answer: PromiseWithResolvers<Packet>;
}

/** A connection to the daemon that keeps XenStore. What is asked is answered in order; watches call back meanwhile. */
export class XenStore implements Disposable {
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #reader = new PacketReader();
  readonly #waiting = new Map<number, Waiting>();
  readonly #watches = new Map<string, (path: string) => void>();
  #lastRequest = 0;
  #lastToken = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    // Its end is all that counts; what it ended with says nothing more.
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) =>
      socket.once("close", () => {
        for (const { what, answer } of this.#waiting.values()) answer.reject(new XenStoreError("EIO", what));
        this.#waiting.clear();
        resolve();
      }),
    );
  }

  static async connect(path: string, signal?: AbortSignal): Promise<XenStore> {
    const socket = connect({ path });
    try {
      await once(socket, "connect", signal === undefined ? {} : { signal });
      return new XenStore(socket);
    } catch (e) {
      socket.destroy();
      throw e;
    }
  }

  /** undefined when there is nothing at that path. */
  async read(path: string): Promise<string | undefined> {
    return await absentIsUndefined(async () =>
      (await this.#ask(PACKET.read, strings(path), path)).body.toString("utf8"),
    );
  }

  /** Names of what is below a path, none when it is not there. */
  async list(path: string): Promise<readonly string[]> {
    const found = await absentIsUndefined(async () =>
      textsIn((await this.#ask(PACKET.directory, strings(path), path)).body),
    );
    return found ?? [];
  }

  async write(path: string, value: string): Promise<void> {
    await this.#ask(PACKET.write, Buffer.concat([strings(path), Buffer.from(value)]), path);
  }

  /**
   * Calls back at every change at or below a path, or for `@introduceDomain` and `@releaseDomain`, and once at the beginning;
   * until it is disposed.
   */
  async watch(path: string, onChange: (path: string) => void): Promise<AsyncDisposable> {
    const token = String((this.#lastToken += 1));
    this.#watches.set(token, onChange);
    try {
      await this.#ask(PACKET.watch, strings(path, token), path);
    } catch (e) {
      this.#watches.delete(token);
      throw e;
    }
    return {
      [Symbol.asyncDispose]: async () => {
        this.#watches.delete(token);
        // It goes with its connection too.
        if (!this.#socket.destroyed) await this.#ask(PACKET.unwatch, strings(path, token), path);
      },
    };
  }

  /** What stands at a path, as soon as there is something. */
  async appearing(path: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const found = Promise.withResolvers<string>();
    const look = (): void =>
      void this.read(path).then((value) => {
        if (value !== undefined && value !== "") found.resolve(value);
      }, found.reject);
    const giveUp = (): void => found.reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await using _watch = await this.watch(path, look);
      return await found.promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #ask(type: number, body: Buffer, what: string): Promise<Packet> {
    if (this.#socket.destroyed) throw new XenStoreError("EIO", what);
    if (body.length > MAX_BODY) throw new XenStoreError("E2BIG", what);
    const request = (this.#lastRequest += 1);
    const answer = Promise.withResolvers<Packet>();
    this.#waiting.set(request, { what, answer });
    this.#socket.write(encodePacket({ type, request, transaction: 0, body }));
    return await answer.promise;
  }

  #take(chunk: Buffer): void {
    try {
      for (const packet of this.#reader.read(chunk)) this.#dispatch(packet);
    } catch (e) {
      this.#socket.destroy(e as Error);
    }
  }

  #dispatch(packet: Packet): void {
    if (packet.type === PACKET.watchEvent) {
      const [path = "", token = ""] = textsIn(packet.body);
      this.#watches.get(token)?.(path);
      return;
    }
    const asked = this.#waiting.get(packet.request);
    if (asked === undefined) return;
    this.#waiting.delete(packet.request);
    if (packet.type === PACKET.error)
      asked.answer.reject(new XenStoreError(textsIn(packet.body)[0] ?? "", asked.what));
    else asked.answer.resolve(packet);
  }
}

async function absentIsUndefined<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (e) {
    if (e instanceof XenStoreError && e.code === "ENOENT") return undefined;
    throw e;
  }
}
