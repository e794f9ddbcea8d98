import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerWritableStream,
} from "@grpc/grpc-js";
import type { Call } from "@virtmesh/core/call";
import { callOf, failureOf, finishWith, recordOf } from "./grpc-call.ts";
import { readMessages, writeMessages } from "./grpc-streams.ts";

/** A unary method out of a function; what it throws becomes the status. */
export function unary<Req, Res>(
  handler: (request: Req, c: Call) => Promise<Res> | Res,
): handleUnaryCall<Req, Res> {
  return (call, callback) => {
    const c = callOf(call);
    const handling = async (): Promise<void> => {
      try {
        callback(null, await handler(call.request, c));
      } catch (e) {
        callback(finishWith(failureOf(e, c.signal)));
      }
    };
    recordOf(call).track(handling());
  };
}

/** A server-streaming method out of an iterable, which is asked for more only as fast as the client reads. */
export function serverStream<Req, Res>(
  handler: (request: Req, c: Call) => AsyncIterable<Res>,
): handleServerStreamingCall<Req, Res> {
  return (call) => {
    const c = callOf(call);
    recordOf(call).track(answer(call, () => handler(call.request, c), c));
  };
}

/**
 * A client-streaming method: requests are read only as fast as the handler takes them, one answer comes at the end. grpc-js
 * takes a call that its client resets for one that has ended, and only then for cancelled: requests of which all must have come
 * have to say so themselves.
 */
export function clientStream<Req, Res>(
  handler: (requests: AsyncIterable<Req>, c: Call) => Promise<Res>,
): handleClientStreamingCall<Req, Res> {
  return (call, callback) => {
    const c = callOf(call);
    const requests = readMessages<Req>(call, c.signal, () => undefined);
    const handling = async (): Promise<void> => {
      try {
        callback(null, await handler(requests, c));
      } catch (e) {
        callback(finishWith(failureOf(e, c.signal)));
      }
    };
    recordOf(call).track(handling());
  };
}

/** A two-way method; both directions have back-pressure. It ends when the answers end. */
export function bidi<Req, Res>(
  handler: (requests: AsyncIterable<Req>, c: Call) => AsyncIterable<Res>,
): handleBidiStreamingCall<Req, Res> {
  return (call) => {
    const c = callOf(call);
    const requests = readMessages<Req>(call, c.signal, () => undefined);
    recordOf(call).track(answer(call, () => handler(requests, c), c));
  };
}

async function answer<Req, Res>(
  call: ServerWritableStream<Req, Res> | ServerDuplexStream<Req, Res>,
  source: () => AsyncIterable<Res>,
  c: Call,
): Promise<void> {
  try {
    await writeMessages(call, source(), c.signal);
    call.end();
  } catch (e) {
    call.emit("error", finishWith(failureOf(e, c.signal)));
  }
}
