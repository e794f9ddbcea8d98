import { EventEmitter } from "node:events";
import { Duplex } from "node:stream";
import {
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { VirtError } from "@virtmesh/core/errors";
import { fromServiceError } from "@virtmesh/kit/status";
import type { MeshClient } from "./client.ts";

interface Served {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** What handlers ask of a call, whatever carries it. */
interface CallParts {
  readonly metadata: Metadata;
  getDeadline(): number;
  getAuthContext(): Record<string, never>;
  getPath(): string;
  getPeer(): string;
}

type Handler = (call: unknown, callback?: (e: unknown, value: unknown) => void) => void;

/** A method as it is served: the service may have a codec of its own for it. */
interface ServedMethod {
  readonly handle: Handler;
  readonly definition: MethodDefinition<unknown, unknown>;
}

/**
 * Calls handlers in this process: the chassis and the driver without a wire. Requests and answers are encoded and
 * decoded all the same, so that defaults are what they are behind gRPC.
 */
export function directClient(services: readonly Served[]): MeshClient {
  const find = (path: string): ServedMethod => {
    for (const { definition, implementation } of services) {
      for (const [name, method] of Object.entries(definition)) {
        const handler: UntypedHandleCall | undefined =
          method.path === path ? implementation[name] : undefined;
        if (handler !== undefined) return { handle: handler as Handler, definition: method };
      }
    }
    throw new VirtError("UNSUPPORTED", `${path.slice(1)} is not served`);
  };

  return {
    unary<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal?: AbortSignal): Promise<R> {
      return new Promise<R>((resolve, reject) => {
        const { handle, definition } = find(method.path);
        const received = definition.requestDeserialize(method.requestSerialize(request));
        const call = Object.assign(new EventEmitter(), partsOf(method.path), { request: received });
        signal?.addEventListener("abort", () => call.emit("cancelled"), { once: true });
        handle(call, (e, value) => {
          if (e) reject(fromServiceError(e));
          else resolve(method.responseDeserialize(definition.responseSerialize(value)));
        });
      });
    },
    stream<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal: AbortSignal): AsyncGenerator<R, void> {
      return new DirectStream<Q, R>(method, find(method.path)).run(signal, { request });
    },
    clientStream<Q, R>(
      method: MethodDefinition<Q, R>,
      requests: AsyncIterable<Q>,
      signal: AbortSignal,
    ): Promise<R> {
      return new DirectStream<Q, R>(method, find(method.path)).answer(signal, requests);
    },
    bidi<Q, R>(
      method: MethodDefinition<Q, R>,
      requests: AsyncIterable<Q>,
      signal: AbortSignal,
    ): AsyncGenerator<R, void> {
      return new DirectStream<Q, R>(method, find(method.path)).run(signal, { requests });
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function partsOf(path: string): CallParts {
  return {
    metadata: new Metadata(),
    getDeadline: () => Number.POSITIVE_INFINITY,
    getAuthContext: () => ({}),
    getPath: () => path,
    getPeer: () => "in process",
  };
}

/** A streaming call: the handler writes to one side, the caller reads from it, as in grpc-js. */
class DirectStream<Q, R> extends Duplex {
  readonly #method: MethodDefinition<Q, R>;
  readonly #served: ServedMethod;
  readonly #answers: R[] = [];
  #failure: { readonly error: unknown } | undefined;
  #done = false;
  #wake: () => void = () => undefined;

  constructor(method: MethodDefinition<Q, R>, served: ServedMethod) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#method = method;
    this.#served = served;
    this.on("error", (error: unknown) => {
      this.#failure ??= { error };
      this.#wake();
    });
  }

  override _read(): void {
    // Requests are pushed by `run` as they come.
  }

  override _write(answer: unknown, _encoding: BufferEncoding, callback: () => void): void {
    this.#answers.push(this.#method.responseDeserialize(this.#served.definition.responseSerialize(answer)));
    this.#wake();
    callback();
  }

  override _final(callback: () => void): void {
    this.#done = true;
    this.#wake();
    callback();
  }

  async *run(
    signal: AbortSignal,
    { request, requests }: { readonly request?: Q; readonly requests?: AsyncIterable<Q> },
  ): AsyncGenerator<R, void> {
    const cancel = (): void => {
      this.emit("cancelled");
      this.#wake();
    };
    signal.addEventListener("abort", cancel, { once: true });
    const parts = request === undefined ? {} : { request: this.#received(request) };
    this.#served.handle(Object.assign(this, partsOf(this.#method.path), parts));
    const sending = requests === undefined ? undefined : this.#send(requests);
    try {
      for (;;) {
        const answer = this.#answers.shift();
        if (answer !== undefined) yield answer;
        else if (this.#failure !== undefined) throw fromServiceError(this.#failure.error);
        else if (signal.aborted) throw new VirtError("CANCELLED", "the call was cancelled");
        else if (this.#done) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener("abort", cancel);
      if (!this.#done) this.emit("cancelled");
      // A caller whose requests hang is not waited for; they end with the test's signal.
      sending?.catch(() => undefined);
    }
  }

  /** The one answer to many requests. */
  async answer(signal: AbortSignal, requests: AsyncIterable<Q>): Promise<R> {
    const answered = Promise.withResolvers<R>();
    const cancel = (): void => void this.emit("cancelled");
    signal.addEventListener("abort", cancel, { once: true });
    this.#served.handle(Object.assign(this, partsOf(this.#method.path)), (e, value) => {
      if (e) answered.reject(fromServiceError(e));
      else
        answered.resolve(this.#method.responseDeserialize(this.#served.definition.responseSerialize(value)));
    });
    this.#send(requests).catch((e: unknown) => {
      answered.reject(e);
      cancel();
    });
    try {
      return await answered.promise;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  #received(request: Q): unknown {
    return this.#served.definition.requestDeserialize(this.#method.requestSerialize(request));
  }

  async #send(requests: AsyncIterable<Q>): Promise<void> {
    for await (const request of requests) this.push(this.#received(request));
    this.push(null);
  }
}
