import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Credentials } from "../basic.ts";
import { md4 } from "./md4.ts";
import {
  type Authenticate,
  FLAGS,
  messageType,
  MIC,
  negotiateFlags,
  NtlmError,
  readAuthenticate,
  writeChallenge,
} from "./messages.ts";
import { Rc4 } from "./rc4.ts";
import { Sealing } from "./sealing.ts";

export interface NtlmSession {
  readonly user: string;
  readonly incoming: Sealing;
  readonly outgoing: Sealing;
}

export interface AcceptorOptions {
  readonly credentials: Credentials;
  readonly hostName: string;
}

/** Between 1601 and 1970, in ten millionths of a second. */
const EPOCH = 116_444_736_000_000_000n;

/** The server's half of one authentication by NTLMv2 (MS-NLMP 3.2.5). */
export class NtlmAcceptor {
  readonly #options: AcceptorOptions;
  readonly #challenge = randomBytes(8);
  #negotiate = Buffer.alloc(0);
  #challengeMessage = Buffer.alloc(0);

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** Answers NEGOTIATE with CHALLENGE. @throws NtlmError */
  challenge(negotiate: Buffer): Buffer {
    if (messageType(negotiate) !== 1) throw new NtlmError("it is no NEGOTIATE message");
    this.#negotiate = Buffer.from(negotiate);
    const message = writeChallenge({
      flags: negotiateFlags(negotiate),
      ...{ challenge: this.#challenge, hostName: this.#options.hostName },
      timestamp: BigInt(Date.now()) * 10_000n + EPOCH,
    });
    this.#challengeMessage = Buffer.from(message);
    return message;
  }

  /** Takes AUTHENTICATE. @throws NtlmError for whoever does not know the password */
  accept(message: Buffer): NtlmSession {
    if (messageType(message) !== 3 || this.#challengeMessage.length === 0)
      throw new NtlmError("it is no AUTHENTICATE message after a challenge");
    const authenticate = readAuthenticate(message);
    const { user, domain, flags } = authenticate;
    if (user.toLowerCase() !== this.#options.credentials.user.toLowerCase())
      throw new NtlmError(`there is no user "${user}"`);
    const owner = ntowfv2(this.#options.credentials.password, user, domain);
    const baseKey = sessionBaseKey(owner, this.#challenge, authenticate.ntResponse);
    const sessionKey = exportedKey(baseKey, authenticate);
    this.#checkMic(message, authenticate, sessionKey);
    if ((flags & FLAGS.extendedSecurity) === 0)
      throw new NtlmError("the client wants no extended session security");
    return {
      user,
      incoming: new Sealing(sessionKey, flags, "client-to-server"),
      outgoing: new Sealing(sessionKey, flags, "server-to-client"),
    };
  }

  #checkMic(message: Buffer, { hasMic }: Authenticate, sessionKey: Buffer): void {
    if (!hasMic) return;
    const without = Buffer.from(message);
    without.fill(0, MIC.offset, MIC.offset + MIC.length);
    const mic = createHmac("md5", sessionKey)
      .update(this.#negotiate)
      .update(this.#challengeMessage)
      .update(without)
      .digest();
    if (!timingSafeEqual(mic, message.subarray(MIC.offset, MIC.offset + MIC.length)))
      throw new NtlmError("the messages of the authentication were changed on their way");
  }
}

/** What NTLMv2 makes of a password (MS-NLMP 3.3.2). */
export function ntowfv2(password: string, user: string, domain: string): Buffer {
  return createHmac("md5", md4(Buffer.from(password, "utf16le")))
    .update(Buffer.from(user.toUpperCase() + domain, "utf16le"))
    .digest();
}

/** @throws NtlmError when the response does not prove that the client knows the password */
export function sessionBaseKey(owner: Buffer, challenge: Buffer, ntResponse: Buffer): Buffer {
  const proof = ntResponse.subarray(0, 16);
  const expected = createHmac("md5", owner).update(challenge).update(ntResponse.subarray(16)).digest();
  if (!timingSafeEqual(proof, expected)) throw new NtlmError("the password is wrong");
  return createHmac("md5", owner).update(proof).digest();
}

export function exportedKey(
  baseKey: Buffer,
  { flags, encryptedSessionKey }: Pick<Authenticate, "flags" | "encryptedSessionKey">,
): Buffer {
  if ((flags & FLAGS.keyExchange) === 0) return baseKey;
  if (encryptedSessionKey.length !== 16) throw new NtlmError("the session key has not 16 bytes");
  return new Rc4(baseKey).apply(encryptedSessionKey);
}
