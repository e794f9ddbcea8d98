import { WsmanLoginError, WsmanProtocolError } from "./errors.ts";
import { addressOf, type Endpoint, type HttpAnswer, HttpConnection, type PostOptions } from "./http.ts";
import { SOAP_TYPE } from "./soap-type.ts";

export interface Credentials {
  /** `basic` sends the password, which only TLS hides; `negotiate` never does, and seals what is sent without TLS. */
  readonly scheme: "basic" | "negotiate";
  /** `user`, `DOMAIN\user` or `user@domain`. */
  readonly user: string;
  readonly password: string;
}

/** A connection on which one has logged in. One request at a time: the login is the connection's. */
export interface Connection extends Disposable {
  readonly endpoint: Endpoint;
  /** Resolves with the envelope that was answered. @throws WsmanLoginError, WsmanConnectionError, WsmanCertificateError */
  post(envelope: string, options: PostOptions): Promise<string>;
}

/** The password goes with every request. */
export class BasicConnection implements Connection {
  readonly #http: HttpConnection;
  readonly #authorization: string;

  constructor(endpoint: Endpoint, { user, password }: Credentials) {
    this.#http = new HttpConnection(endpoint);
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }

  get endpoint(): Endpoint {
    return this.#http.endpoint;
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  async post(envelope: string, options: PostOptions): Promise<string> {
    const headers = { authorization: this.#authorization, "content-type": SOAP_TYPE };
    const answer = await this.#http.post(headers, Buffer.from(envelope), options);
    if (answer.status === 401) throw loginError(this.endpoint, answer, "Basic");
    return textOf(this.endpoint, answer);
  }
}

export function loginError(endpoint: Endpoint, { headers }: HttpAnswer, wanted: string): WsmanLoginError {
  const offered = (headers["www-authenticate"] ?? "").split(/,\s*/).map((each) => each.split(" ")[0] ?? "");
  const address = addressOf(endpoint);
  const isOffered = offered.some((each) => each.toLowerCase() === wanted.toLowerCase());
  return new WsmanLoginError(
    isOffered || offered.join("") === ""
      ? `${address} does not let this user in: the name or the password is wrong, or it may not log in from afar`
      : `${address} does not take ${wanted}, but ${offered.join(", ")}`,
  );
}

/** @throws WsmanProtocolError for what is no SOAP */
export function textOf(endpoint: Endpoint, { status, headers, body }: HttpAnswer): string {
  const type = headers["content-type"] ?? "";
  if (body.length === 0 || !type.includes("xml"))
    throw new WsmanProtocolError(`${addressOf(endpoint)} answered with HTTP ${status} and no envelope`);
  // Servers may answer in UTF-16 (MS-WSMV 2.1), with a byte order mark or without.
  const utf16 = /utf-16/i.test(type) || (body[0] === 0xff && body[1] === 0xfe);
  return body.toString(utf16 ? "utf16le" : "utf8");
}
