import type { MethodDefinition } from "@grpc/grpc-js";
import { bidiCall, type Channel, clientStreamCall, streamCall, unaryCall } from "@virtmesh/kit/grpc-client";

/**
 * The calls of one command, to the gateway or straight to an agent. Every call ends when the command is
 * cancelled; failures are VirtErrors.
 */
export class Rpc {
  readonly #channel: Channel;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;

  /** `timeoutMs`: for each call with one answer. Streams have no deadline. */
  constructor(channel: Channel, signal: AbortSignal, timeoutMs: number) {
    this.#channel = channel;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
  }

  /** `signal` stands in for the command's own: for what must still be said after Ctrl-C. */
  unary<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal: AbortSignal = this.#signal): Promise<R> {
    return unaryCall(this.#channel, method, request, { signal, deadline: Date.now() + this.#timeoutMs });
  }

  stream<Q, R>(
    method: MethodDefinition<Q, R>,
    request: Q,
    signal: AbortSignal = this.#signal,
  ): AsyncIterable<R> {
    return streamCall(this.#channel, method, request, { signal });
  }

  /** Requests that are sent as fast as they are taken, and one answer. */
  upload<Q, R>(method: MethodDefinition<Q, R>, requests: AsyncIterable<Q>): Promise<R> {
    return clientStreamCall(this.#channel, method, requests, { signal: this.#signal });
  }

  /** Leaving the loop over the answers ends the call. */
  duplex<Q, R>(
    method: MethodDefinition<Q, R>,
    requests: AsyncIterable<Q>,
    signal: AbortSignal = this.#signal,
  ): AsyncIterable<R> {
    return bidiCall(this.#channel, method, requests, { signal });
  }

  /** Until the server answers again after a broken connection. Throws HOST_GONE after the command's timeout. */
  reconnected(signal: AbortSignal = this.#signal): Promise<void> {
    return this.#channel.waitForReady(signal, Date.now() + this.#timeoutMs);
  }
}
