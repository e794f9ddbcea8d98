import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { Metadata } from "@grpc/grpc-js";
import { VirtError, messageOf } from "@virtmesh/core/errors";
import { peerIdentity, type TlsFiles } from "@virtmesh/kit/tls";
import { frame, FrameReader } from "./frames.ts";

/** How to reach one agent. */
export interface LinkTarget {
  readonly host: string;
  /** `10.0.0.1:7771`. */
  readonly address: string;
}

export interface LinkOptions {
  /** Absent: in the clear. */
  readonly tls: TlsFiles | undefined;
  /** Longest message taken from an agent. */
  readonly maxMessageBytes: number;
}

/** How a call ended, with trailers as they came. */
export interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What comes back from the agent, in order; `end` once and last. */
export interface Receiver {
  headers?(headers: Metadata): void;
  message(message: Buffer): void;
  /** `failure` when no status arrived: the link broke, or what came is not gRPC. */
  end(outcome: Outcome | undefined, failure: VirtError | undefined): void;
}

/** One call on its way. */
export interface Exchange {
  /** The receiver has heard its end. */
  readonly over: boolean;
  /** False: wait for `onDrain` before the next. */
  send(message: Uint8Array): boolean;
  /** No more messages from the caller. */
  finish(): void;
  onDrain(listener: () => void): void;
  pause(): void;
  resume(): void;
  /** Given up here: the agent hears of it, the receiver ends with that reason. */
  cancel(reason: VirtError): void;
}

const SESSION_WINDOW_BYTES = 4 << 20;

/**
 * The HTTP/2 connection to one agent, shared by all calls to it and opened by the first. Calls go over it
 * frame by frame, without the client half of grpc-js: messages stay the bytes they are, and HTTP/2's own flow
 * control carries back-pressure from end to end.
 */
export class AgentLink implements Disposable {
  readonly target: LinkTarget;
  readonly #options: LinkOptions;
  #session: ClientHttp2Session | undefined;
  #closed: VirtError | undefined;
  /** Connections that stood once: what was asked over another was never sent. */
  readonly #reached = new WeakSet<ClientHttp2Session>();

  constructor(target: LinkTarget, options: LinkOptions) {
    this.target = target;
    this.#options = options;
  }

  /** Begins a call. `headers` are those of the call alone: deadline, trace, actor. */
  call(path: string, headers: OutgoingHttpHeaders, receiver: Receiver): Exchange {
    if (this.#closed) throw this.#closed;
    const session = this.#open();
    const stream = session.request({
      ...headers,
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-accept-encoding": "identity",
    });
    return this.#exchange(session, stream, receiver);
  }

  /** Ends every call on it with that error; later ones are refused with it. */
  close(reason: VirtError): void {
    this.#closed ??= reason;
    this.#session?.destroy();
    this.#session = undefined;
  }

  [Symbol.dispose](): void {
    this.close(new VirtError("SHUTTING_DOWN", "the gateway is shutting down"));
  }

  #open(): ClientHttp2Session {
    const open = this.#session;
    if (open !== undefined && !open.closed && !open.destroyed) return open;
    const { tls } = this.#options;
    const { address, host } = this.target;
    const session =
      tls === undefined
        ? connect(`http://${address}`)
        : connect(`https://${address}`, {
            ...tls,
            servername: host,
            checkServerIdentity: (_name, certificate) => checkAgent(certificate, host),
          });
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    session.once("connect", () => {
      this.#reached.add(session);
      session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    });
    // Each stream hears of the error too, and answers its caller with it.
    session.on("error", forget);
    session.once("goaway", forget);
    session.once("close", forget);
    this.#session = session;
    return session;
  }

  #exchange(session: ClientHttp2Session, stream: ClientHttp2Stream, receiver: Receiver): Exchange {
    const reader = new FrameReader(this.#options.maxMessageBytes);
    let trailers: IncomingHttpHeaders | undefined;
    let failure: VirtError | undefined;
    let answered = false;
    const broken = (e: Error): VirtError =>
      session.connecting || !this.#reached.has(session) ? this.#unreached(e) : this.#broken(e, answered);

    stream.on("response", (headers) => {
      answered = true;
      if (headers["grpc-status"] !== undefined) trailers = headers;
      else if (headers[":status"] !== 200) failure = this.#unlikely(`HTTP status ${headers[":status"]}`);
      else if (!plain(headers)) receiver.headers?.(metadataOf(headers));
    });
    stream.on("trailers", (headers: IncomingHttpHeaders) => {
      trailers = headers;
    });
    stream.on("data", (chunk: Buffer) => {
      try {
        for (const message of reader.push(chunk)) receiver.message(message);
      } catch (e) {
        failure = VirtError.from(e);
        stream.close(constants.NGHTTP2_CANCEL);
      }
    });
    // The agent is done; a caller who has not finished sending need not be waited for.
    stream.once("end", () => {
      if (!stream.writableEnded) stream.close();
    });
    stream.on("error", (e) => {
      failure ??= broken(e);
    });
    stream.once("close", () => {
      if (failure === undefined && trailers?.["grpc-status"] !== undefined && !reader.partial) {
        receiver.end(outcomeOf(trailers), undefined);
      } else {
        receiver.end(undefined, failure ?? broken(new Error(`stream ended with code ${stream.rstCode}`)));
      }
    });

    return {
      get over() {
        return stream.closed;
      },
      send: (message) => stream.write(frame(message)),
      finish: () => void stream.end(),
      onDrain: (listener) => void stream.on("drain", listener),
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      cancel: (reason) => {
        failure ??= reason;
        stream.close(constants.NGHTTP2_CANCEL);
      },
    };
  }

  #unlikely(what: string): VirtError {
    return new VirtError(
      "PROTOCOL",
      `${this.target.host} at ${this.target.address} did not answer like an agent: ${what}`,
    );
  }

  #unreached(e: Error): VirtError {
    if (this.#closed) return this.#closed;
    const { host, address } = this.target;
    // A stream that waited for the connection is told that it was cancelled; the cause says why.
    const why = messageOf(e.cause ?? e);
    const message = `the agent of ${host} cannot be reached at ${address} (${why}); nothing was done there`;
    return new VirtError(
      "HOST_GONE",
      message,
      { metadata: { host, address }, retryAfterMs: 1000 },
      { cause: e },
    );
  }

  #broken(e: Error, answered: boolean): VirtError {
    if (this.#closed) return this.#closed;
    const { host, address } = this.target;
    const when = answered ? "in the middle of the answer" : "before it answered";
    const message = `the connection to the agent of ${host} at ${address} broke ${when} (${messageOf(e)}); what was asked may have been done, so read the state or repeat with the same request_id`;
    return new VirtError(
      "HOST_GONE",
      message,
      { metadata: { host, address }, retryAfterMs: 1000 },
      { cause: e },
    );
  }
}

/** An agent speaks only for its host: whoever took over its address must not be believed. */
function checkAgent(certificate: PeerCertificate, host: string): Error | undefined {
  const identity = peerIdentity(certificate);
  if (identity?.host === undefined) return checkServerIdentity(host, certificate);
  if (identity.host === host && identity.role === "agent") return undefined;
  return new Error(`its certificate is that of ${identity.name}, not of the agent of ${host}`);
}

function outcomeOf(trailers: IncomingHttpHeaders): Outcome {
  const raw = trailers["grpc-message"];
  const details = typeof raw === "string" ? decodeMessage(raw) : "";
  const metadata = plain(trailers) ? new Metadata() : metadataOf(trailers);
  return { code: Number(trailers["grpc-status"]), details, metadata };
}

/** What every answer has, and what the gateway's own server says anew. */
const USUAL = new Set([
  ...[":status", "content-type", "date", "grpc-status", "grpc-message"],
  ...["grpc-accept-encoding", "accept-encoding", "grpc-encoding"],
]);

/** Whether nothing is there that would have to be passed on. */
function plain(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) if (!USUAL.has(name)) return false;
  return true;
}

function metadataOf(headers: IncomingHttpHeaders): Metadata {
  const metadata = Metadata.fromHttp2Headers(headers);
  for (const name of USUAL) metadata.remove(name);
  return metadata;
}

function decodeMessage(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw; // not percent-encoded, against the protocol: better as it is than not at all
  }
}
