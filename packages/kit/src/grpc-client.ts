import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type MethodDefinition,
} from "@grpc/grpc-js";
import type { Span } from "@opentelemetry/api";
import { VirtError } from "@virtmesh/core/errors";
import { ACTOR_HEADER } from "./grpc-call.ts";
import { abortable, MAX_MESSAGE_BYTES, readMessages, writeMessages } from "./grpc-streams.ts";
import { fromServiceError, hasDetails } from "./status.ts";
import { clientContext, endSpan, formatTraceparent, isTracing, startSpan, traceparent } from "./telemetry.ts";
import { channelCredentials, type TlsFiles } from "./tls.ts";

export const KEEPALIVE_TIMEOUT_MS = 3_000;

export interface ConnectOptions {
  /** With it, the server has to show a certificate of the same authority, and this side shows its own. */
  readonly tls?: TlsFiles | undefined;
  /** The name that the server's certificate must have, when it is reached by another one (an IP address). */
  readonly serverName?: string | undefined;
  /** After this long without traffic the connection is tested, in milliseconds; a dead one ends its calls. */
  readonly keepaliveMs?: number;
  /** How long it may take to answer that, in milliseconds; three seconds unless told. */
  readonly keepaliveTimeoutMs?: number;
}

/** What a client says about one call; every `Call` is one. */
export interface ClientCall {
  readonly signal: AbortSignal;
  /** In milliseconds since the epoch. */
  readonly deadline?: number | undefined;
  /** W3C traceparent for where no span is active. */
  readonly trace?: string;
  /** For whom a gateway asks. */
  readonly actor?: string;
  /** More headers, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One connection to a server, made on first use and again when it breaks. Share it: it carries all calls. */
export class Channel implements AsyncDisposable {
  readonly address: string;
  readonly #client: Client;
  #isClosed = false;

  constructor(address: string, client: Client) {
    this.address = address;
    this.#client = client;
  }

  /** The client of grpc-js, for raw calls. Throws HOST_GONE once the channel is closed. */
  get client(): Client {
    if (this.#isClosed)
      throw new VirtError("HOST_GONE", `the connection to ${this.address} was closed on this side`);
    return this.#client;
  }

  /** Waits until the server has answered. Throws HOST_GONE at the deadline (default: ten seconds from now). */
  async waitForReady(signal: AbortSignal, deadline: number = Date.now() + 10_000): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.client.waitForReady(deadline, (e) => {
        if (e === undefined) resolve();
        else reject(new VirtError("HOST_GONE", `${this.address} does not answer`, {}, { cause: e }));
      });
    });
    await abortable(ready, signal);
  }

  /** Ends the connection; calls in progress may finish, later ones throw HOST_GONE. */
  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/** A channel to `host:port` or `unix:/path`. Nothing is sent before the first call. */
export function connect(address: string, options: ConnectOptions = {}): Channel {
  const { serverName } = options;
  const client = new Client(address, channelCredentials(options.tls), {
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.keepalive_time_ms": options.keepaliveMs ?? 10_000,
    "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs ?? KEEPALIVE_TIMEOUT_MS,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 3_000,
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    ...(serverName
      ? { "grpc.ssl_target_name_override": serverName, "grpc.default_authority": serverName }
      : {}),
  });
  return new Channel(address, client);
}

/** One call with one answer. Throws what the server threw, as a VirtError; nothing is tried again. */
export function unaryCall<Req, Res>(
  channel: Channel,
  method: MethodDefinition<Req, Res>,
  request: Req,
  c: ClientCall,
): Promise<Res> {
  return new Promise<Res>((resolve, reject) => {
    c.signal.throwIfAborted();
    const { span, metadata } = outgoing(method.path, c);
    const call = channel.client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      callOptions(c),
      (e, response) => {
        c.signal.removeEventListener("abort", onAbort);
        if (e === null) {
          endSpan(span);
          // Without an error there is an answer; the types of grpc-js do not tell the two apart.
          resolve(response as Res);
        } else {
          const failure = failureOf(e, channel, method.path, c.signal);
          endSpan(span, failure);
          reject(failure);
        }
      },
    );
    const onAbort = (): void => call.cancel();
    c.signal.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * `unaryCall` for what changes nothing: asked once more, over a new connection, when there was no answer. After the network
 * was away the old connection may be found dead only by the first call that is made over it.
 */
export async function questionCall<Req, Res>(
  channel: Channel,
  method: MethodDefinition<Req, Res>,
  request: Req,
  c: ClientCall,
): Promise<Res> {
  try {
    return await unaryCall(channel, method, request, c);
  } catch (e) {
    if (!VirtError.is(e) || e.reason !== "HOST_GONE") throw e;
    return await unaryCall(channel, method, request, c);
  }
}

/**
 * One request, many answers. The call starts at once; leaving the loop cancels it. The server is asked for more
 * only as fast as the loop reads.
 */
export function streamCall<Req, Res>(
  channel: Channel,
  method: MethodDefinition<Req, Res>,
  request: Req,
  c: ClientCall,
): AsyncGenerator<Res, void> {
  c.signal.throwIfAborted();
  const { span, metadata } = outgoing(method.path, c);
  const call = channel.client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    metadata,
    callOptions(c),
  );
  return answers(call, channel, method.path, c, span);
}

/**
 * Many requests, one answer at their end; sent only as fast as the server takes them. A failure of `requests` cancels the
 * call and is thrown; an answer that comes before their end closes them.
 */
export async function clientStreamCall<Req, Res>(
  channel: Channel,
  method: MethodDefinition<Req, Res>,
  requests: AsyncIterable<Req>,
  c: ClientCall,
): Promise<Res> {
  c.signal.throwIfAborted();
  const { span, metadata } = outgoing(method.path, c);
  const answered = Promise.withResolvers<Res>();
  const call = channel.client.makeClientStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    metadata,
    callOptions(c),
    (e, response) => {
      // Without an error there is an answer; the types of grpc-js do not tell the two apart.
      if (e === null) answered.resolve(response as Res);
      else answered.reject(e);
    },
  );
  const onAbort = (): void => call.cancel();
  c.signal.addEventListener("abort", onAbort, { once: true });
  const ended = new AbortController();
  const sendSignal = AbortSignal.any([c.signal, ended.signal]);
  let failure: { readonly error: unknown } | undefined;
  // Not waited for at the end: requests that hang on something else must not hold up the answer.
  writeMessages(call, requests, sendSignal).then(
    () => void call.end(),
    (error: unknown) => {
      if (sendSignal.aborted) return;
      failure = { error };
      call.cancel();
    },
  );
  try {
    const answer = await answered.promise;
    endSpan(span);
    return answer;
  } catch (e) {
    const error = failure === undefined ? failureOf(e, channel, method.path, c.signal) : failure.error;
    endSpan(span, error);
    throw error;
  } finally {
    c.signal.removeEventListener("abort", onAbort);
    ended.abort(new VirtError("CANCELLED", `${method.path.slice(1)} has ended`));
  }
}

/**
 * Requests one way, answers the other, with back-pressure both ways. Leaving the loop cancels the call and closes
 * `requests`; a failure of `requests` cancels the call and comes out of the loop.
 */
export function bidiCall<Req, Res>(
  channel: Channel,
  method: MethodDefinition<Req, Res>,
  requests: AsyncIterable<Req>,
  c: ClientCall,
): AsyncGenerator<Res, void> {
  c.signal.throwIfAborted();
  const { span, metadata } = outgoing(method.path, c);
  const call: ClientDuplexStream<Req, Res> = channel.client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    metadata,
    callOptions(c),
  );
  const ended = new AbortController();
  const sendSignal = AbortSignal.any([c.signal, ended.signal]);
  let failure: { readonly error: unknown } | undefined;
  // Not waited for at the end: requests that hang on something else must not hold up whoever reads the answers.
  writeMessages(call, requests, sendSignal).then(
    () => void call.end(),
    (error: unknown) => {
      if (sendSignal.aborted) return;
      failure = { error };
      call.cancel();
    },
  );
  const received = answers<Res>(call, channel, method.path, c, span);
  async function* exchange(): AsyncGenerator<Res, void> {
    try {
      yield* received;
    } catch (e) {
      throw failure === undefined ? e : failure.error;
    } finally {
      ended.abort(new VirtError("CANCELLED", `${method.path.slice(1)} has ended`));
    }
  }
  return exchange();
}

/** The answers of a call that was started; listens from now on, even before the first one is asked for. */
function answers<Res>(
  call: ClientReadableStream<Res> | ClientDuplexStream<never, Res>,
  channel: Channel,
  path: string,
  c: ClientCall,
  span: Span | undefined,
): AsyncGenerator<Res, void> {
  const onAbort = (): void => call.cancel();
  c.signal.addEventListener("abort", onAbort, { once: true });
  const messages = readMessages<Res>(call, c.signal, () => {
    c.signal.removeEventListener("abort", onAbort);
    call.cancel();
  });
  async function* translated(): AsyncGenerator<Res, void> {
    let failure: VirtError | undefined;
    try {
      yield* messages;
    } catch (e) {
      failure = failureOf(e, channel, path, c.signal);
      throw failure;
    } finally {
      endSpan(span, failure);
    }
  }
  return translated();
}

/** The headers of a call, and its span when anyone records spans. */
function outgoing(
  path: string,
  c: ClientCall,
): { readonly span: Span | undefined; readonly metadata: Metadata } {
  const metadata = new Metadata();
  let span: Span | undefined;
  let parent = traceparent() || c.trace || "";
  if (isTracing()) {
    const attributes = { "rpc.system": "grpc", "rpc.method": path.slice(1) };
    span = startSpan(path.slice(1), { kind: "client", attributes }, clientContext(c.trace));
    if (span !== undefined) parent = formatTraceparent(span.spanContext());
  }
  if (parent !== "") metadata.set("traceparent", parent);
  if (c.actor) metadata.set(ACTOR_HEADER, c.actor);
  if (c.headers !== undefined) {
    for (const [name, value] of Object.entries(c.headers)) metadata.set(name, value);
  }
  return { span, metadata };
}

/** The wire's timer holds 31 bits of milliseconds; grpc-js servers take a longer time-out for one in the past. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

function callOptions(c: ClientCall): CallOptions {
  return c.deadline === undefined || c.deadline - Date.now() > MAX_TIMEOUT_MS ? {} : { deadline: c.deadline };
}

/** Why a call failed: the reason of its own signal comes before what grpc-js made of it. */
function failureOf(e: unknown, channel: Channel, path: string, signal: AbortSignal): VirtError {
  if (!signal.aborted) {
    const error = fromServiceError(e, { peer: channel.address, method: path.slice(1) });
    // A bare CANCELLED that nobody here asked for is a stream reset by the other side, as at its forced end.
    if (error.reason !== "CANCELLED" || hasDetails(e)) return error;
    return new VirtError("HOST_GONE", `${channel.address} broke off ${path.slice(1)}`, {}, { cause: e });
  }
  const reason: unknown = signal.reason;
  if (reason instanceof Error && reason.name === "TimeoutError") {
    return new VirtError(
      "DEADLINE",
      `${channel.address} did not answer ${path.slice(1)} in time`,
      {},
      { cause: reason },
    );
  }
  return VirtError.is(reason)
    ? reason
    : new VirtError("CANCELLED", `${path.slice(1)} was cancelled`, {}, { cause: e });
}
