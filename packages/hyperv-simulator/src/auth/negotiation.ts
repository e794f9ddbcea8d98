import type { Credentials } from "./basic.ts";
import { NtlmAcceptor, type NtlmSession } from "./ntlm/acceptor.ts";
import { messageType, NtlmError } from "./ntlm/messages.ts";
import { completeToken, unwrapToken, wrapToken } from "./ntlm/spnego.ts";

export type Step =
  | { readonly kind: "challenge"; readonly token: Buffer }
  | { readonly kind: "session"; readonly session: NtlmSession; readonly token: Buffer | undefined };

/** One authentication by `Negotiate`: NTLM as it is, or inside of SPNEGO. */
export class Negotiation {
  readonly #acceptor: NtlmAcceptor;
  #mechanisms: Buffer = Buffer.alloc(0);

  constructor(credentials: Credentials, hostName: string) {
    this.#acceptor = new NtlmAcceptor({ credentials, hostName });
  }

  /** @throws NtlmError */
  take(token: Buffer): Step {
    if (messageType(token) !== undefined) return this.#step(token);
    const { ntlm, mechanisms, mic } = unwrapToken(token);
    this.#mechanisms = mechanisms ?? this.#mechanisms;
    const step = this.#step(ntlm);
    if (step.kind === "challenge") return { ...step, token: wrapToken(step.token) };
    if (mic !== undefined && !mic.equals(step.session.incoming.mic(this.#mechanisms)))
      throw new NtlmError("the list of mechanisms was changed on its way");
    const answer = mic === undefined ? undefined : step.session.outgoing.mic(this.#mechanisms);
    return { ...step, token: completeToken(answer) };
  }

  #step(message: Buffer): Step {
    if (messageType(message) === 1) return { kind: "challenge", token: this.#acceptor.challenge(message) };
    return { kind: "session", session: this.#acceptor.accept(message), token: undefined };
  }
}
