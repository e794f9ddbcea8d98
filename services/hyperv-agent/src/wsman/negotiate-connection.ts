import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { type Connection, type Credentials, loginError, textOf } from "./connection.ts";
import { ENCRYPTED_TYPE, readEncrypted, writeEncrypted } from "./encrypted-body.ts";
import { WsmanLoginError } from "./errors.ts";
import { addressOf, type Endpoint, type HttpAnswer, HttpConnection, type PostOptions } from "./http.ts";
import {
  authenticateMessage,
  type Identity,
  negotiateMessage,
  type Nonces,
  readChallenge,
} from "./ntlm/messages.ts";
import { Sealing } from "./ntlm/sealing.ts";
import { SOAP_TYPE } from "./soap-type.ts";
import { tokenIn, wrapFirst, wrapNext } from "./spnego.ts";

/** What a login has made: the keys of this TCP connection. */
interface Session {
  readonly ours: Sealing;
  readonly theirs: Sealing;
}

/**
 * A connection that has logged in by NTLM, which counts for this TCP connection and no other. Without TLS everything on it
 * is sealed. The password never leaves us.
 */
export class NegotiateConnection implements Connection {
  readonly #http: HttpConnection;
  readonly #identity: Identity;
  #session: Session | undefined;

  constructor(endpoint: Endpoint, credentials: Credentials) {
    this.#http = new HttpConnection(endpoint);
    this.#identity = identityOf(credentials);
  }

  get endpoint(): Endpoint {
    return this.#http.endpoint;
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  async post(envelope: string, options: PostOptions): Promise<string> {
    try {
      const first = await this.#send(envelope, options);
      if (first.answer.status !== 401) return this.#read(first);
      // The connection was closed meanwhile, and with it the login. The server did nothing yet.
      const second = await this.#send(envelope, options, true);
      if (second.answer.status === 401) throw loginError(this.endpoint, second.answer, "Negotiate");
      return this.#read(second);
    } catch (e) {
      // Nobody knows how far the two streams have got.
      this.#forget();
      throw e;
    }
  }

  async #send(
    envelope: string,
    options: PostOptions,
    anew = false,
  ): Promise<{ readonly answer: HttpAnswer; readonly session: Session }> {
    if (anew) this.#forget();
    const session = (this.#session ??= await this.#login(options));
    const plain = Buffer.from(envelope);
    const answer = this.endpoint.tls
      ? await this.#http.post({ "content-type": SOAP_TYPE }, plain, options)
      : await this.#http.post(
          { "content-type": ENCRYPTED_TYPE },
          writeEncrypted(session.ours.seal(plain), plain.length),
          options,
        );
    return { answer, session };
  }

  #read({ answer, session }: { readonly answer: HttpAnswer; readonly session: Session }): string {
    const type = answer.headers["content-type"] ?? "";
    if (!/^multipart\/encrypted/i.test(type)) {
      if (!this.endpoint.tls)
        throw new WsmanLoginError(
          `${addressOf(this.endpoint)} answered what was sealed with HTTP ${answer.status} that is not`,
        );
      return textOf(this.endpoint, answer);
    }
    const { signature, sealed } = readEncrypted(answer.body);
    return session.theirs.unseal(signature, sealed).toString();
  }

  #forget(): void {
    this.#session = undefined;
    this.#http.hangUp();
  }

  /** Three messages in two requests: ours, the server's challenge, and our answer to it. */
  async #login(options: PostOptions): Promise<Session> {
    const negotiate = negotiateMessage();
    const raw = await this.#token(negotiate, options);
    // NTLM by itself is taken by Windows; others want it in the wrapping of SPNEGO.
    const first = tokenIn(raw);
    const answer = first === undefined ? await this.#token(wrapFirst(negotiate), options) : raw;
    const challengeBytes = first ?? tokenIn(answer);
    if (challengeBytes === undefined) throw loginError(this.endpoint, answer, "Negotiate");
    const nonces: Nonces = {
      clientChallenge: randomBytes(8),
      sessionKey: randomBytes(16),
      time: ticksNow(),
    };
    const message = authenticateMessage(negotiate, readChallenge(challengeBytes), this.#identity, nonces);
    const last = await this.#token(first === undefined ? wrapNext(message) : message, options);
    if (last.status === 401) throw loginError(this.endpoint, last, "Negotiate");
    return {
      ours: new Sealing(nonces.sessionKey, "client-to-server"),
      theirs: new Sealing(nonces.sessionKey, "server-to-client"),
    };
  }

  #token(token: Buffer, options: PostOptions): Promise<HttpAnswer> {
    const headers = { "content-type": SOAP_TYPE, authorization: `Negotiate ${token.toString("base64")}` };
    return this.#http.post(headers, Buffer.alloc(0), options);
  }
}

/** `DOMAIN\user`; `user` and `user@domain` go as they are, and the server finds out whose they are. */
function identityOf({ user, password }: Credentials): Identity {
  const [, domain = "", name = user] = /^([^\\]*)\\(.*)$/.exec(user) ?? [];
  return { domain, user: name, password, workstation: hostname().split(".")[0]?.toUpperCase() ?? "" };
}

/** Ticks of 100 ns since 1601. */
function ticksNow(): bigint {
  return (BigInt(Date.now()) + 11_644_473_600_000n) * 10_000n;
}
