import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import type { TLSSocket } from "node:tls";
import { messageOf, systemCode } from "@virtmesh/core/errors";
import { VimCertificateError, VimConnectionError, VimProtocolError } from "./errors.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: string | undefined;
  /** SHA-256 of the server's certificate in hex; trusted by itself, whoever signed it. */
  readonly fingerprint?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The largest answer that is read: a page of property updates of a few hundred guests has a few MB. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

function writableOrOver(call: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off("drain", done).off("close", done);
      resolve();
    };
    call.once("drain", done).once("close", done);
  });
}

/** A server that does not know `Expect: 100-continue` gets the body all the same (RFC 9110, section 10.1.1). */
const LEAVE_MS = 5_000;

/** Whether the server wants the body; one that answers before it has any does not. */
function wanted(call: ClientRequest): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const patience = setTimeout(() => resolve(true), LEAVE_MS);
  call.once("continue", () => resolve(true));
  call.once("response", () => resolve(false)).once("close", () => resolve(false));
  call.flushHeaders();
  return promise.finally(() => clearTimeout(patience));
}

/** HTTPS with connections kept open, and the session's cookie. */
export class Transport implements Disposable {
  readonly #endpoint: Endpoint;
  readonly #agent: Agent;
  #cookie = "";

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16 });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** Text for messages: `esx1.example.com:443`. */
  get address(): string {
    return `${this.#endpoint.host}:${this.#endpoint.port}`;
  }

  forgetCookie(): void {
    this.#cookie = "";
  }

  /** `silenceMs`: how long the server may say nothing before the connection counts as broken. */
  async post(
    path: string,
    body: string,
    action: string,
    options: { readonly signal: AbortSignal; readonly silenceMs: number },
  ): Promise<Answer> {
    const response = await this.open("POST", path, {
      ...options,
      body,
      headers: { "content-type": "text/xml; charset=utf-8", soapaction: action },
    });
    for (const cookie of response.headers["set-cookie"] ?? []) {
      if (cookie.startsWith("vmware_soap_session=")) this.#cookie = cookie.split(";", 1)[0] ?? "";
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES)
          throw new VimProtocolError(`${this.address} answered with more than ${MAX_ANSWER_BYTES} bytes`);
        chunks.push(chunk);
      }
    } catch (e) {
      throw this.#failure(e, options.signal);
    }
    return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
  }

  /**
   * Resolves with the head of the answer; its body is the caller's to read. A body that comes piece by piece is asked for
   * only when the server has begun to take it: whatever the server makes for it is there by then.
   */
  open(
    method: "GET" | "POST" | "PUT",
    path: string,
    options: {
      readonly signal: AbortSignal;
      readonly silenceMs: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | AsyncIterable<Uint8Array>;
    },
  ): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { host, port, ca, fingerprint } = this.#endpoint;
    const settings: RequestOptions = {
      ...{ host, port, path, method, signal: options.signal, timeout: options.silenceMs, agent: this.#agent },
      headers: {
        ...options.headers,
        ...(typeof options.body === "string" ? { "content-length": Buffer.byteLength(options.body) } : {}),
        ...(this.#cookie === "" ? {} : { cookie: this.#cookie }),
        ...(typeof options.body === "object" ? { expect: "100-continue" } : {}),
      },
      ...(ca === undefined ? {} : { ca }),
      // With a fingerprint the certificate itself is compared, below, before anything is sent.
      ...(fingerprint === undefined
        ? {}
        : { rejectUnauthorized: false, checkServerIdentity: () => undefined }),
    };
    const call = httpsRequest(settings, resolve);
    call.on("timeout", () =>
      call.destroy(new VimConnectionError(`${this.address} said nothing for ${options.silenceMs / 1000} s`)),
    );
    call.on("error", (e) => reject(this.#failure(e, options.signal)));
    const send = async (): Promise<void> => {
      if (options.body === undefined || typeof options.body === "string") {
        call.end(options.body);
        return;
      }
      if (!(await wanted(call))) return;
      for await (const chunk of options.body) {
        if (call.destroyed) return;
        if (!call.write(chunk)) await writableOrOver(call);
      }
      call.end();
    };
    if (fingerprint === undefined) {
      send().catch((e: unknown) => call.destroy(e instanceof Error ? e : new Error(String(e))));
      return promise;
    }
    call.on("socket", (socket) => {
      const check = (): void => {
        const found = (socket as TLSSocket)
          .getPeerCertificate()
          .fingerprint256.replaceAll(":", "")
          .toLowerCase();
        if (found !== fingerprint) {
          call.destroy(
            new VimCertificateError(
              `the certificate of ${this.address} has the fingerprint ${found}, expected was ${fingerprint}`,
            ),
          );
          return;
        }
        send().catch((e: unknown) => call.destroy(e instanceof Error ? e : new Error(String(e))));
      };
      if ((socket as TLSSocket).getPeerCertificate().fingerprint256 !== undefined) check();
      else socket.once("secureConnect", check);
    });
    return promise;
  }

  #failure(e: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    // By shape: Node's own errors may come from another realm than ours (test runners make them).
    if (typeof e !== "object" || e === null || !("message" in e)) return e;
    if ("name" in e && String(e.name).startsWith("Vim")) return e;
    const code = systemCode(e) ?? "";
    if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|KEY_TOO/.test(code)) {
      return new VimCertificateError(`the certificate of ${this.address} is not trusted: ${messageOf(e)}`, {
        cause: e,
      });
    }
    return new VimConnectionError(`${this.address} cannot be reached: ${messageOf(e)}`, { cause: e });
  }
}
