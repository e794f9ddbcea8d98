import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type Credentials, isBasicOf } from "./basic.ts";
import { ENCRYPTED_TYPE, isEncrypted, readEncrypted, writeEncrypted } from "./encrypted.ts";
import { Negotiation } from "./negotiation.ts";
import type { NtlmSession } from "./ntlm/acceptor.ts";
import { NtlmError } from "./ntlm/messages.ts";

/** What a request brings with it: who asks, and the message itself, which may have come sealed. */
export interface Admitted {
  readonly kind: "admitted";
  readonly user: string;
  readonly message: Buffer;
  /** Of `WWW-Authenticate`, where an authentication has just been completed. */
  readonly challenges: readonly string[];
  /** Wraps the answer as the request was wrapped. */
  wrap(answer: Buffer): { readonly contentType: string; readonly body: Buffer };
}

export interface Refused {
  readonly kind: "refused";
  /** Of `WWW-Authenticate`. */
  readonly challenges: readonly string[];
}

export interface GateOptions {
  readonly credentials: Credentials;
  readonly hostName: string;
  /** By TLS. */
  readonly isEncrypted: boolean;
  readonly allowUnencrypted: boolean;
  readonly allowBasic: boolean;
  /** Hears why somebody was not let in. */
  readonly onRefusal: (why: string) => void;
}

export const SOAP_TYPE = "application/soap+xml;charset=UTF-8";

interface Connection {
  negotiation?: Negotiation;
  session?: NtlmSession;
}

/** Who comes in. An identity by NTLM belongs to its connection, and ends with it. */
export class Gate {
  readonly #options: GateOptions;
  readonly #connections = new WeakMap<Socket, Connection>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  admit(request: IncomingMessage, body: Buffer): Admitted | Refused {
    const header = request.headers.authorization ?? "";
    const { allowBasic, credentials } = this.#options;
    if (allowBasic && isBasicOf(header, credentials)) return this.#plain(credentials.user, body);
    const connection = this.#connections.get(request.socket) ?? {};
    this.#connections.set(request.socket, connection);
    const contentType = request.headers["content-type"] ?? "";
    try {
      const token = /^Negotiate\s+(\S+)$/i.exec(header)?.[1];
      if (token !== undefined)
        return this.#negotiate(connection, Buffer.from(token, "base64"), contentType, body);
      if (header === "" && connection.session !== undefined)
        return this.#open(connection.session, contentType, body, []);
      return this.refuse(header === "" ? undefined : "what came as Authorization lets nobody in");
    } catch (e) {
      if (!(e instanceof Error) || e.name !== "NtlmError") throw e;
      delete connection.session;
      return this.refuse(e.message);
    }
  }

  /** Without a reason it is only the first step: clients ask before they say who they are. */
  refuse(why?: string): Refused {
    if (why !== undefined) this.#options.onRefusal(why);
    const basic = this.#options.allowBasic ? ['Basic realm="WSMAN"'] : [];
    return { kind: "refused", challenges: ["Negotiate", ...basic] };
  }

  #negotiate(connection: Connection, token: Buffer, contentType: string, body: Buffer): Admitted | Refused {
    const negotiation = connection.negotiation ?? this.#begin();
    delete connection.negotiation;
    const step = negotiation.take(token);
    const said = step.token === undefined ? [] : [`Negotiate ${step.token.toString("base64")}`];
    if (step.kind === "challenge") {
      connection.negotiation = negotiation;
      return { kind: "refused", challenges: said };
    }
    connection.session = step.session;
    return this.#open(step.session, contentType, body, said);
  }

  #begin(): Negotiation {
    return new Negotiation(this.#options.credentials, this.#options.hostName);
  }

  /** @throws NtlmError */
  #open(
    session: NtlmSession,
    contentType: string,
    body: Buffer,
    challenges: readonly string[],
  ): Admitted | Refused {
    if (body.length === 0 || !isEncrypted(contentType)) return this.#plain(session.user, body, challenges);
    const sealed = readEncrypted(body);
    if (sealed === undefined)
      throw new NtlmError("the parts of the encrypted message are not as they should be");
    return {
      ...{ kind: "admitted", user: session.user, challenges, message: session.incoming.unseal(sealed) },
      wrap: (answer) => ({
        contentType: ENCRYPTED_TYPE,
        body: writeEncrypted(session.outgoing.seal(answer), SOAP_TYPE),
      }),
    };
  }

  /** Windows takes what is not encrypted only where it was told to. */
  #plain(user: string, message: Buffer, challenges: readonly string[] = []): Admitted | Refused {
    const { isEncrypted: isTls, allowUnencrypted } = this.#options;
    if (message.length > 0 && !isTls && !allowUnencrypted)
      return this.refuse("the message is neither sealed nor sent over TLS, and AllowUnencrypted is false");
    return {
      ...{ kind: "admitted", user, message, challenges },
      wrap: (answer) => ({ contentType: SOAP_TYPE, body: answer }),
    };
  }
}
