import type { IncomingMessage } from "node:http";
import { type Credentials, isBasicOf } from "./basic.ts";

/** What a request brings with it: who asks, and the message itself, which may have come sealed. */
export interface Admitted {
  readonly kind: "admitted";
  readonly user: string;
  readonly message: Buffer;
  /** Wraps the answer as the request was wrapped. */
  wrap(answer: Buffer): { readonly contentType: string; readonly body: Buffer };
}

export interface Refused {
  readonly kind: "refused";
  readonly status: number;
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
}

export const SOAP_TYPE = "application/soap+xml;charset=UTF-8";

/** Who comes in. An identity by NTLM belongs to its connection. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  admit(request: IncomingMessage, body: Buffer): Admitted | Refused {
    const header = request.headers.authorization ?? "";
    const { allowBasic, credentials } = this.#options;
    if (allowBasic && isBasicOf(header, credentials)) return this.#plain(credentials.user, body);
    return this.refuse();
  }

  refuse(): Refused {
    const basic = this.#options.allowBasic ? ['Basic realm="WSMAN"'] : [];
    return { kind: "refused", status: 401, challenges: ["Negotiate", ...basic] };
  }

  /** Windows takes what is not encrypted only where it was told to. */
  #plain(user: string, message: Buffer): Admitted | Refused {
    if (!this.#options.isEncrypted && !this.#options.allowUnencrypted) return this.refuse();
    return { kind: "admitted", user, message, wrap: (answer) => ({ contentType: SOAP_TYPE, body: answer }) };
  }
}
