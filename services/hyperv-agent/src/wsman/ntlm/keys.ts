import { createHash, createHmac } from "node:crypto";
import { md4 } from "./md4.ts";

/** NTOWFv2 (MS-NLMP 3.3.2): what a password is to this user in this domain. */
export function ntowfV2(user: string, password: string, domain: string): Buffer {
  return hmacMd5(md4(unicode(password)), unicode(user.toUpperCase() + domain));
}

export interface Responses {
  readonly nt: Buffer;
  readonly lm: Buffer;
  readonly sessionBaseKey: Buffer;
}

/** The answers to a challenge (MS-NLMP 3.3.2). `time`: in ticks of 100 ns since 1601. */
export function responsesV2(
  key: Buffer,
  serverChallenge: Buffer,
  clientChallenge: Buffer,
  time: bigint,
  targetInfo: Buffer,
): Responses {
  const ticks = Buffer.alloc(8);
  ticks.writeBigUInt64LE(time);
  const temp = Buffer.concat([
    Buffer.from([1, 1, 0, 0, 0, 0, 0, 0]),
    ticks,
    clientChallenge,
    Buffer.alloc(4),
    targetInfo,
    Buffer.alloc(4),
  ]);
  const proof = hmacMd5(key, serverChallenge, temp);
  return {
    nt: Buffer.concat([proof, temp]),
    lm: Buffer.concat([hmacMd5(key, serverChallenge, clientChallenge), clientChallenge]),
    sessionBaseKey: hmacMd5(key, proof),
  };
}

export type Direction = "client-to-server" | "server-to-client";

/** SIGNKEY (MS-NLMP 3.4.5.2). */
export function signKey(sessionKey: Buffer, direction: Direction): Buffer {
  return md5(sessionKey, Buffer.from(`session key to ${direction} signing key magic constant\0`));
}

/** SEALKEY with keys of 128 bits, which are the only ones we agree to (MS-NLMP 3.4.5.3). */
export function sealKey(sessionKey: Buffer, direction: Direction): Buffer {
  return md5(sessionKey, Buffer.from(`session key to ${direction} sealing key magic constant\0`));
}

export function hmacMd5(key: Buffer, ...parts: readonly Buffer[]): Buffer {
  return parts.reduce((hmac, part) => hmac.update(part), createHmac("md5", key)).digest();
}

export function unicode(text: string): Buffer {
  return Buffer.from(text, "utf16le");
}

function md5(...parts: readonly Buffer[]): Buffer {
  return parts.reduce((hash, part) => hash.update(part), createHash("md5")).digest();
}
