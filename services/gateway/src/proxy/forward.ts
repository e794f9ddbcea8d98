import type { EventEmitter } from "node:events";
import type { OutgoingHttpHeaders } from "node:http2";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { VirtError } from "@virtmesh/core/errors";
import { recordOf, whyCancelled } from "@virtmesh/kit/grpc-call";
import { readUri } from "../routing/first-field.ts";
import type { AgentLink, Exchange, Outcome, Receiver } from "./link.ts";

/** A method of the contract whose messages stay bytes. */
export type RawMethod = MethodDefinition<Buffer, Buffer>;

/** A call that somebody made to the gateway. */
export type IncomingCall = ServerUnaryCall<Buffer, Buffer> | RequestStream | AnswerStream;
type RequestStream = ServerReadableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;
type AnswerStream = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** What forwarding needs of the rest of the gateway. */
export interface Forwarding {
  /** The link for the URI of a request. @throws VirtError. */
  linkFor(uri: string): AgentLink;
  /** Headers for the agent: trace, actor. The deadline is added here. */
  headersFor(call: IncomingCall): OutgoingHttpHeaders;
  /** An error of the gateway's own as gRPC carries it. */
  toStatus(e: VirtError): Ending;
  /** Called once for each call. */
  observe(path: string, code: number, seconds: number): void;
}

/** A final status that is not OK, as grpc-js takes it; `cause` is for the log of this process. */
export interface Ending extends Outcome {
  readonly cause?: unknown;
}

/** Serves a method by sending its bytes on to the agent that its first message names. */
export function forward(method: RawMethod, forwarding: Forwarding): UntypedHandleCall {
  if (method.requestStream)
    return method.responseStream
      ? forwardStream(method.path, forwarding)
      : forwardClientStream(method.path, forwarding);
  return method.responseStream
    ? forwardServerStream(method.path, forwarding)
    : forwardUnary(method.path, forwarding);
}

function forwardUnary(path: string, forwarding: Forwarding): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const { receiver, refuse } = toCallback(path, call, forwarding, callback);
    const exchange = begin(path, call, call.request, forwarding, receiver);
    if (VirtError.is(exchange)) return refuse(exchange);
    exchange.send(call.request);
    exchange.finish();
  };
}

function forwardServerStream(
  path: string,
  forwarding: Forwarding,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    const exchange = begin(
      path,
      call,
      call.request,
      forwarding,
      toCaller(path, call, forwarding, () => exchange),
    );
    if (VirtError.is(exchange)) return refuse(path, call, exchange, forwarding);
    call.on("drain", () => exchange.resume());
    endWithServer(call, exchange);
    exchange.send(call.request);
    exchange.finish();
  };
}

function forwardClientStream(
  path: string,
  forwarding: Forwarding,
): handleClientStreamingCall<Buffer, Buffer> {
  return (call, callback) => {
    const { receiver, refuse } = toCallback(path, call, forwarding, callback);
    sendOn(call, (first) => begin(path, call, first, forwarding, receiver), refuse);
  };
}

function forwardStream(path: string, forwarding: Forwarding): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) => {
    let exchange: Exchange | VirtError | undefined;
    const open = (first: Buffer): Exchange | VirtError => {
      exchange = begin(
        path,
        call,
        first,
        forwarding,
        toCaller(path, call, forwarding, () => exchange),
      );
      if (VirtError.is(exchange)) return exchange;
      const opened = exchange;
      call.on("drain", () => opened.resume());
      return opened;
    };
    sendOn(call, open, (e) => refuse(path, call, e, forwarding));
  };
}

/** What the caller sends, on its way to the agent that its first message names, as fast as that one takes it. */
function sendOn(
  call: RequestStream,
  open: (first: Buffer) => Exchange | VirtError,
  refuse: (e: VirtError) => void,
): void {
  let exchange: Exchange | VirtError | undefined;
  call.on("data", (message: Buffer) => {
    if (VirtError.is(exchange)) return;
    if (exchange === undefined) {
      exchange = open(message);
      if (VirtError.is(exchange)) return refuse(exchange);
      exchange.onDrain(() => call.resume());
      endWithServer(call, exchange);
    }
    if (!exchange.send(message)) call.pause();
  });
  call.on("end", () => {
    if (exchange === undefined) refuse(noFirstMessage());
    else if (!VirtError.is(exchange)) exchange.finish();
  });
}

function begin(
  path: string,
  call: IncomingCall,
  first: Buffer,
  forwarding: Forwarding,
  receiver: Receiver,
): Exchange | VirtError {
  try {
    const headers = forwarding.headersFor(call);
    const timeout = timeoutOf(call);
    if (timeout !== undefined) headers["grpc-timeout"] = timeout;
    const exchange = forwarding.linkFor(readUri(first)).call(path, headers, receiver);
    const cancelled: EventEmitter = call;
    cancelled.once("cancelled", () => {
      // grpc-js says so of every call, also of one that ended well, for which an error with its stack would be made for nothing.
      if (!exchange.over) exchange.cancel(whyCancelled(call));
    });
    return exchange;
  } catch (e) {
    return VirtError.from(e);
  }
}

/** The one answer of a call, given to grpc-js when the agent has ended it well. */
function toCallback(
  path: string,
  call: ServerUnaryCall<Buffer, Buffer> | ServerReadableStream<Buffer, Buffer>,
  forwarding: Forwarding,
  callback: sendUnaryData<Buffer>,
): { readonly receiver: Receiver; readonly refuse: (e: VirtError) => void } {
  const started = performance.now();
  let answer: Buffer | undefined;
  const finish = (outcome: Outcome | undefined, failure: VirtError | undefined): void => {
    const ending = endingOf(forwarding, outcome, failure, answer === undefined);
    forwarding.observe(path, ending?.code ?? status.OK, (performance.now() - started) / 1000);
    if (ending) callback(ending);
    else callback(null, answer, outcome?.metadata);
  };
  const receiver: Receiver = {
    headers: (headers) => call.sendMetadata(headers),
    message: (message) => {
      answer = message;
    },
    end: finish,
  };
  return { receiver, refuse: (e) => finish(undefined, e) };
}

function toCaller(
  path: string,
  call: AnswerStream,
  forwarding: Forwarding,
  exchange: () => Exchange | VirtError | undefined,
): Receiver {
  const started = performance.now();
  return {
    headers: (headers) => call.sendMetadata(headers),
    message(message) {
      if (call.write(message)) return;
      const sending = exchange();
      if (sending !== undefined && !VirtError.is(sending)) sending.pause();
    },
    end(outcome, failure) {
      const ending = endingOf(forwarding, outcome, failure, false);
      forwarding.observe(path, ending?.code ?? status.OK, (performance.now() - started) / 1000);
      if (ending) call.emit("error", ending);
      else call.end(outcome?.metadata);
    },
  };
}

/** A gateway that closes ends its streams, whose callers come back elsewhere; unary calls may finish. */
function endWithServer(call: IncomingCall, exchange: Exchange): void {
  const { signal } = recordOf(call).abort;
  const end = (): void => exchange.cancel(VirtError.from(signal.reason));
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
}

function refuse(path: string, call: AnswerStream, e: VirtError, forwarding: Forwarding): void {
  const ending = forwarding.toStatus(e);
  forwarding.observe(path, ending.code, 0);
  call.emit("error", ending);
}

/** undefined when the call ended well. */
function endingOf(
  forwarding: Forwarding,
  outcome: Outcome | undefined,
  failure: VirtError | undefined,
  answerMissing: boolean,
): Ending | undefined {
  if (outcome === undefined) {
    return forwarding.toStatus(failure ?? new VirtError("INTERNAL", "the call ended without a status"));
  }
  if (outcome.code !== status.OK) return outcome;
  if (!answerMissing) return undefined;
  return forwarding.toStatus(new VirtError("PROTOCOL", "the agent ended the call without an answer"));
}

function noFirstMessage(): VirtError {
  return new VirtError(
    "INVALID_FIELD",
    "the stream ended before its first message, which says where it goes",
  );
}

/** What is left of the caller's deadline, as the header has it: at most eight digits. */
function timeoutOf(call: IncomingCall): string | undefined {
  const deadline = call.getDeadline();
  const left = Math.max(0, Math.ceil(Number(deadline) - Date.now()));
  if (!Number.isFinite(left)) return undefined;
  return left < 1e8 ? `${left}m` : `${Math.min(99_999_999, Math.ceil(left / 1000))}S`;
}
