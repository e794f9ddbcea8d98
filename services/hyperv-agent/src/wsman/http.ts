import { Agent as HttpAgent, type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { messageOf, systemCode } from "@virtmesh/core/errors";
import { WsmanCertificateError, WsmanConnectionError, WsmanProtocolError } from "./errors.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** PEM of the authorities to trust instead of the system's, or of the server's own certificate. */
  readonly ca?: string | undefined;
  /** The certificate in `ca` is the server's own: whatever name it bears. */
  readonly pinned?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface PostOptions {
  readonly signal: AbortSignal;
  /** How long the server may say nothing before the connection counts as broken. */
  readonly silenceMs: number;
}

/** The largest answer that is read; servers keep far below it (MaxEnvelopeSizekb). */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** An idle connection is closed by us before the server does it in the middle of a request (HTTP.sys: 120 s). */
const IDLE_MS = 60_000;

export function addressOf({ host, port }: Endpoint): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export function urlOf(endpoint: Endpoint): string {
  return `${endpoint.tls ? "https" : "http"}://${addressOf(endpoint)}/wsman`;
}

/** One TCP connection, opened when something is sent and again when it was closed. One request at a time. */
export class HttpConnection implements Disposable {
  readonly endpoint: Endpoint;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    const settings = { keepAlive: true, maxSockets: 1, timeout: IDLE_MS };
    this.#agent = endpoint.tls
      ? new HttpsAgent({
          ...settings,
          ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
          ...(endpoint.pinned === true
            ? { allowPartialTrustChain: true, checkServerIdentity: () => undefined }
            : {}),
        })
      : new HttpAgent(settings);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** Closes the TCP connection; the next request opens another. */
  hangUp(): void {
    this.#agent.destroy();
  }

  /** @throws WsmanConnectionError, WsmanCertificateError, the signal's reason */
  async post(
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    { signal, silenceMs }: PostOptions,
  ): Promise<HttpAnswer> {
    const { host, port, tls } = this.endpoint;
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    const send = tls ? httpsRequest : httpRequest;
    const call = send({
      ...{ host, port, path: "/wsman", method: "POST", signal, timeout: silenceMs, agent: this.#agent },
      headers: { ...headers, "content-length": body.length },
    });
    call.on("timeout", () =>
      call.destroy(
        new WsmanConnectionError(`${addressOf(this.endpoint)} said nothing for ${silenceMs / 1000} s`),
      ),
    );
    call.on("error", (e) => reject(this.#failure(e, signal)));
    call.on("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > MAX_ANSWER_BYTES)
          call.destroy(
            new WsmanProtocolError(
              `${addressOf(this.endpoint)} answered with more than ${MAX_ANSWER_BYTES} bytes`,
            ),
          );
      });
      response.on("error", (e) => reject(this.#failure(e, signal)));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    call.end(body);
    return await promise;
  }

  #failure(e: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    // By shape: Node's own errors may come from another realm than ours (test runners make them).
    if (typeof e !== "object" || e === null || !("message" in e)) return e;
    if ("name" in e && String(e.name).startsWith("Wsman")) return e;
    const address = addressOf(this.endpoint);
    if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|KEY_TOO/.test(systemCode(e) ?? ""))
      return new WsmanCertificateError(`the certificate of ${address} is not trusted: ${messageOf(e)}`, {
        cause: e,
      });
    return new WsmanConnectionError(`${address} cannot be reached: ${messageOf(e)}`, { cause: e });
  }
}
