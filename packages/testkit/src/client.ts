import type { MethodDefinition } from "@grpc/grpc-js";
import { bidiCall, type Channel, clientStreamCall, streamCall, unaryCall } from "@virtmesh/kit/grpc-client";

/** How long a call may take where nothing is slow: one that hangs must end its test with the call's name, not with the runner's time-out. */
export const PATIENCE_MS = 60_000;

/** How a contract suite speaks to what it tests: through any of the ways a call can take. */
export interface MeshClient extends AsyncDisposable {
  unary<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal?: AbortSignal): Promise<R>;
  stream<Q, R>(method: MethodDefinition<Q, R>, request: Q, signal: AbortSignal): AsyncGenerator<R, void>;
  clientStream<Q, R>(
    method: MethodDefinition<Q, R>,
    requests: AsyncIterable<Q>,
    signal: AbortSignal,
  ): Promise<R>;
  bidi<Q, R>(
    method: MethodDefinition<Q, R>,
    requests: AsyncIterable<Q>,
    signal: AbortSignal,
  ): AsyncGenerator<R, void>;
}

/** Over gRPC: to an agent, or to a gateway before it. */
export function grpcClient(channel: Channel, patienceMs = PATIENCE_MS): MeshClient {
  return {
    unary: (method, request, signal = AbortSignal.timeout(patienceMs)) =>
      unaryCall(channel, method, request, { signal }),
    stream: (method, request, signal) => streamCall(channel, method, request, { signal }),
    clientStream: (method, requests, signal) => clientStreamCall(channel, method, requests, { signal }),
    bidi: (method, requests, signal) => bidiCall(channel, method, requests, { signal }),
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
}
