import { connect, type Socket } from "node:net";
import type { QmpArguments, QmpCommand, QmpResult, QmpVersion } from "./commands.ts";
import { QmpError } from "./errors.ts";
import type { QmpEvent, QmpEventListener } from "./events.ts";
import { jsonText } from "./json.ts";
import { LineSplitter } from "./lines.ts";

export interface QmpOptions {
  /** Path of QEMU's monitor socket. */
  readonly path: string;
  /** Ends the connection, also while it is being made. */
  readonly signal?: AbortSignal;
  /** How long to wait for QEMU to answer at first; 10 seconds unless told. */
  readonly greetingTimeoutMs?: number;
  /** The longest line taken from QEMU; 16 MiB unless told (query-qmp-schema is 0.2 MiB). */
  readonly maxLineBytes?: number;
  /** Hears every event from the very first on. */
  readonly onEvent?: QmpEventListener;
  /** Called when a command is sent; what it returns is called when that is answered. */
  readonly observe?: QmpObserver;
}

export type QmpObserver = (command: string) => (error?: QmpError) => void;

export interface ExecuteOptions {
  readonly signal?: AbortSignal;
  /** Without it the answer is waited for as long as the connection lives. */
  readonly timeoutMs?: number;
  /** Out of band: answered even while QEMU's main loop hangs. Only `yank`, `migrate-pause` and `migrate-recover` can be. */
  readonly outOfBand?: boolean;
}

type Rest<C extends QmpCommand> =
  undefined extends QmpArguments<C>
    ? [args?: QmpArguments<C>, options?: ExecuteOptions]
    : [args: QmpArguments<C>, options?: ExecuteOptions];

interface Pending {
  readonly id: number;
  readonly command: string;
  readonly args: unknown;
  readonly outOfBand: boolean;
  sent: boolean;
  settle: (error: QmpError | undefined, result?: unknown) => void;
}

/** What a line from QEMU can hold. */
interface Message {
  readonly QMP?: { readonly version: QmpVersion; readonly capabilities: readonly string[] };
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: unknown;
  readonly timestamp?: { readonly seconds: number; readonly microseconds: number };
}

const GREETING_TIMEOUT_MS = 10_000;
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** QEMU stops reading when eight requests wait (QMP_REQ_QUEUE_LEN_MAX); fewer leave room for those out of band. */
const MAX_IN_FLIGHT = 6;

/** A client of one QEMU monitor. Commands may overlap; answers and events are handed on in the order of arrival. */
export class QmpConnection implements Disposable {
  /** Connects, greets and negotiates. @throws QmpError */
  static async open(options: QmpOptions): Promise<QmpConnection> {
    const connection = new QmpConnection(options);
    try {
      await connection.#negotiate(options.greetingTimeoutMs ?? GREETING_TIMEOUT_MS);
    } catch (e) {
      connection.close();
      throw e;
    }
    return connection;
  }

  /** Resolves when the connection has ended, with the reason; never rejects. */
  readonly closed: Promise<QmpError>;
  readonly #socket: Socket;
  readonly #lines: LineSplitter;
  readonly #listeners = new Set<QmpEventListener>();
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: Pending[] = [];
  readonly #observe: QmpObserver | undefined;
  readonly #hasEnded: (reason: QmpError) => void;
  readonly #greeted = Promise.withResolvers<void>();
  #end: QmpError | undefined;
  #inFlight = 0;
  #lastId = 0;
  #outOfBand = false;
  #version: QmpVersion = { qemu: { major: 0, minor: 0, micro: 0 }, package: "" };

  private constructor(options: QmpOptions) {
    const closed = Promise.withResolvers<QmpError>();
    this.closed = closed.promise;
    this.#hasEnded = closed.resolve;
    this.#observe = options.observe;
    this.#lines = new LineSplitter(options.maxLineBytes ?? MAX_LINE_BYTES);
    if (options.onEvent) this.#listeners.add(options.onEvent);
    this.#socket = connect({ path: options.path });
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("error", (e) => this.#finish(new QmpError("closed", "", e.message, "", { cause: e })));
    this.#socket.on("close", () => this.#eof());
    const { signal } = options;
    if (signal) {
      const abort = () =>
        this.#finish(
          new QmpError("aborted", "", "the connection was given up", "", { cause: signal.reason }),
        );
      if (signal.aborted) abort();
      else {
        signal.addEventListener("abort", abort, { once: true });
        void this.closed.then(() => signal.removeEventListener("abort", abort));
      }
    }
  }

  get version(): QmpVersion {
    return this.#version;
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /**
   * Runs a command. An abort or a timeout ends the waiting only: a command that was sent may still take effect.
   * @throws QmpError
   */
  execute<C extends QmpCommand>(command: C, ...rest: Rest<C>): Promise<QmpResult<C>> {
    return this.#enqueue<QmpResult<C>>(command, rest[0], rest[1] ?? {});
  }

  /** `execute` for callers that are generic themselves. @throws QmpError */
  send<C extends QmpCommand>(
    command: C,
    args: QmpArguments<C>,
    options: ExecuteOptions,
  ): Promise<QmpResult<C>> {
    return this.#enqueue<QmpResult<C>>(command, args, options);
  }

  /** Hears every event that arrives from now on, thus everything that a command sent later causes. */
  onEvent(listener: QmpEventListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  close(): void {
    this.#finish(new QmpError("closed", "", "the connection was closed on this side"));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #negotiate(timeoutMs: number): Promise<void> {
    const timer = setTimeout(
      () => this.#finish(new QmpError("timeout", "", `QEMU's monitor did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      await Promise.race([this.#greeted.promise, this.closed.then((reason) => Promise.reject(reason))]);
      await this.execute("qmp_capabilities", this.#outOfBand ? { enable: ["oob"] } : undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  #enqueue<R>(command: string, args: unknown, options: ExecuteOptions): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    if (this.#end) return Promise.reject(this.#ended(command));
    const { signal, timeoutMs } = options;
    if (signal?.aborted) return Promise.reject(aborted(command, signal));
    const id = ++this.#lastId;
    const observed = this.#observe?.(command);
    const onAbort = () => pending.settle(aborted(command, signal));
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () =>
              pending.settle(new QmpError("timeout", command, `QEMU did not answer within ${timeoutMs} ms`)),
            timeoutMs,
          );
    const pending: Pending = {
      id,
      command,
      args,
      outOfBand: options.outOfBand === true && this.#outOfBand,
      sent: false,
      settle: (error, result) => {
        pending.settle = () => undefined;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        if (!pending.sent) this.#forget(pending);
        observed?.(error);
        if (error) reject(error);
        else resolve(result as R);
      },
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#pending.set(id, pending);
    if (pending.outOfBand || this.#inFlight < MAX_IN_FLIGHT) this.#send(pending);
    else this.#waiting.push(pending);
    return promise;
  }

  #forget(pending: Pending): void {
    this.#pending.delete(pending.id);
    const at = this.#waiting.indexOf(pending);
    if (at !== -1) this.#waiting.splice(at, 1);
  }

  #send(pending: Pending): void {
    pending.sent = true;
    if (!pending.outOfBand) this.#inFlight += 1;
    const verb = pending.outOfBand ? "exec-oob" : "execute";
    this.#socket.write(`${jsonText({ [verb]: pending.command, arguments: pending.args, id: pending.id })}\n`);
  }

  #read(chunk: Buffer): void {
    if (this.#end) return;
    if (!this.#lines.push(chunk, (line) => this.#take(line))) this.#broken("is longer than the limit");
  }

  #take(line: string): void {
    if (this.#end || line.length <= 1) return;
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch (e) {
      this.#broken("is not JSON", e);
      return;
    }
    if (message.event !== undefined) this.#tell(message);
    else if (message.id !== undefined) this.#answer(message, message.id);
    else if (message.QMP) {
      this.#version = message.QMP.version;
      this.#outOfBand = message.QMP.capabilities.includes("oob");
      this.#greeted.resolve();
    } else this.#broken("is neither an answer nor an event");
  }

  #answer(message: Message, id: number): void {
    const pending = this.#pending.get(id);
    if (!pending) {
      this.#broken(`answers command ${id}, which was not asked`);
      return;
    }
    this.#pending.delete(id);
    if (!pending.outOfBand) {
      this.#inFlight -= 1;
      const next = this.#waiting.shift();
      if (next) this.#send(next);
    }
    if (message.error)
      pending.settle(new QmpError("refused", pending.command, message.error.desc, message.error.class));
    else pending.settle(undefined, message.return);
  }

  #tell(message: Message): void {
    const { seconds = 0, microseconds = 0 } = message.timestamp ?? {};
    const timeMs = seconds * 1000 + Math.floor(microseconds / 1000);
    const event = { event: message.event, data: message.data, timeMs } as QmpEvent;
    for (const listener of [...this.#listeners]) listener(event);
  }

  #broken(what: string, cause?: unknown): void {
    const [oldest] = this.#pending.values();
    const about = oldest ? "QEMU's answer" : "a line from QEMU";
    this.#finish(new QmpError("protocol", oldest?.command ?? "", `${about} ${what}`, "", { cause }));
  }

  #eof(): void {
    if (this.#lines.heldBytes > 0 && !this.#end) this.#broken("is truncated");
    else this.#finish(new QmpError("closed", "", "QEMU closed its monitor"));
  }

  #finish(reason: QmpError): void {
    if (this.#end) return;
    this.#end = reason;
    this.#socket.destroy();
    for (const pending of [...this.#pending.values()]) pending.settle(this.#ended(pending.command));
    this.#pending.clear();
    this.#listeners.clear();
    this.#hasEnded(reason);
  }

  #ended(command: string): QmpError {
    const { failure, desc } = this.#end ?? { failure: "closed", desc: "the connection has ended" };
    return new QmpError(failure, command, desc, "", { cause: this.#end });
  }
}

function aborted(command: string, signal: AbortSignal | undefined): QmpError {
  return new QmpError("aborted", command, "the caller gave up", "", { cause: signal?.reason });
}
