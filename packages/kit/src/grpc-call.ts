import type { Metadata, ServerUnaryCall } from "@grpc/grpc-js";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { type ServiceFailure, toServiceError } from "./status.ts";
import { traceparent } from "./telemetry.ts";
import { type PeerIdentity, peerIdentity } from "./tls.ts";

/** What all kinds of server calls of grpc-js have in common. */
export type AnyServerCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  "metadata" | "getDeadline" | "getAuthContext" | "getPath"
> & {
  readonly request?: unknown;
  once(event: "cancelled", listener: () => void): unknown;
};

/** The header in which a gateway tells an agent for whom it asks. */
export const ACTOR_HEADER = "x-virtmesh-actor";
/** The header with the request id of a stream, whose messages cannot carry one. */
export const REQUEST_ID_HEADER = "x-request-id";

/** What is kept about a call in progress. */
export interface CallRecord {
  readonly abort: AbortController;
  /** Takes the handler's promise, so that a server that closes can wait for it. */
  track(handling: Promise<void>): void;
}

const records = new WeakMap<object, CallRecord>();

/** Ties a record to a call before its handler runs. */
export function recordCall(call: AnyServerCall, record: CallRecord): void {
  records.set(call, record);
}

/** The record of a call; a call that came through another kind of server gets one that nobody waits for. */
export function recordOf(call: AnyServerCall): CallRecord {
  const known = records.get(call);
  if (known !== undefined) return known;
  const abort = new AbortController();
  call.once("cancelled", () => abort.abort(whyCancelled(call)));
  const record: CallRecord = { abort, track: () => undefined };
  records.set(call, record);
  return record;
}

/**
 * The virtmesh call behind a call of grpc-js: signal, deadline, trace, who asks, and the request id from the
 * request's field of that name, else from the `x-request-id` header.
 */
export function callOf(call: AnyServerCall): Call {
  const { signal } = recordOf(call).abort;
  const deadline = deadlineOf(call);
  let actor: string | undefined;
  return {
    signal,
    ...(deadline === undefined ? {} : { deadline }),
    trace: traceparent() || headerOf(call.metadata, "traceparent"),
    // Reading the certificate costs more than the rest of a small call, so only who asks for it pays.
    get actor(): string {
      actor ??= actorOf(call);
      return actor;
    },
    requestId: requestIdOf(call.request) || headerOf(call.metadata, REQUEST_ID_HEADER),
  };
}

/** A failure as the callback or the `error` event of grpc-js takes it. `cause` stays here, for the log. */
export function finishWith(error: unknown): ServiceFailure {
  return toServiceError(error);
}

/** What a handler's failure is for the client: once the signal is aborted, the reason of that. */
export function failureOf(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && !VirtError.is(error) ? signal.reason : error;
}

/** Why a call ended from outside: its deadline, or the client. */
export function whyCancelled(call: AnyServerCall): VirtError {
  const deadline = deadlineOf(call);
  if (deadline !== undefined && Date.now() >= deadline) {
    return new VirtError("DEADLINE", `${call.getPath().slice(1)} was not done before its deadline`);
  }
  return new VirtError("CANCELLED", `${call.getPath().slice(1)} was cancelled by its caller`);
}

type AuthenticatedCall = Pick<AnyServerCall, "getAuthContext">;

/** The identity of each connection: OpenSSL takes longer to write out a certificate than a small call takes. */
const callers = new WeakMap<object, { readonly identity: PeerIdentity | undefined }>();

/** The identity in the caller's certificate; undefined on a server without TLS. */
export function callerOf(call: AuthenticatedCall): PeerIdentity | undefined {
  const connection = connectionOf(call);
  const known = connection && callers.get(connection);
  if (known !== undefined) return known.identity;
  const certificate = call.getAuthContext().sslPeerCertificate;
  const identity = certificate === undefined ? undefined : peerIdentity(certificate);
  if (connection !== undefined) callers.set(connection, { identity });
  return identity;
}

/**
 * The HTTP/2 session of a call, in fields of grpc-js that are not part of its interface; undefined when they have
 * moved, which costs time and nothing else. (Address and port would not do as a key: ports are used again.)
 */
function connectionOf(call: object): object | undefined {
  const inner = fieldOf(call, "call");
  const stream = inner && fieldOf(inner, "stream");
  return stream && fieldOf(stream, "session");
}

function fieldOf(object: object, name: string): object | undefined {
  const value: unknown = Reflect.get(object, name);
  return typeof value === "object" && value !== null ? value : undefined;
}

/** A gateway may speak for others. Without TLS nobody is known, and what the caller says is taken. */
function actorOf(call: AnyServerCall): string {
  const caller = callerOf(call);
  const told = headerOf(call.metadata, ACTOR_HEADER);
  if (caller === undefined) return told;
  return caller.role === "gateway" && told !== "" ? told : caller.name;
}

function deadlineOf(call: AnyServerCall): number | undefined {
  const deadline = Number(call.getDeadline());
  return Number.isFinite(deadline) ? deadline : undefined;
}

function requestIdOf(request: unknown): string {
  if (typeof request !== "object" || request === null || !("requestId" in request)) return "";
  return typeof request.requestId === "string" ? request.requestId : "";
}

export function headerOf(metadata: Metadata, name: string): string {
  const value = metadata.get(name)[0];
  return typeof value === "string" ? value : "";
}
