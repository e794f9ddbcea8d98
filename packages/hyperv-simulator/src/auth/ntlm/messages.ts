/** NegotiateFlags (MS-NLMP 2.2.2.5). */
export const FLAGS = {
  unicode: 0x1,
  oem: 0x2,
  requestTarget: 0x4,
  sign: 0x10,
  seal: 0x20,
  ntlm: 0x200,
  alwaysSign: 0x8000,
  targetIsServer: 0x20000,
  extendedSecurity: 0x80000,
  targetInfo: 0x800000,
  version: 0x2000000,
  key128: 0x20000000,
  keyExchange: 0x40000000,
  key56: 0x80000000,
} as const;

/** What a server of today grants when it is asked for. */
const GRANTED =
  (FLAGS.unicode |
    FLAGS.sign |
    FLAGS.seal |
    FLAGS.alwaysSign |
    FLAGS.extendedSecurity |
    FLAGS.version |
    FLAGS.key128 |
    FLAGS.keyExchange |
    FLAGS.key56) >>>
  0;
const ALWAYS = FLAGS.ntlm | FLAGS.targetInfo | FLAGS.targetIsServer | FLAGS.requestTarget;

const SIGNATURE = Buffer.from("NTLMSSP\0", "latin1");
/** Windows Server 2022, and revision 15 of NTLM. */
const VERSION = Buffer.from([10, 0, 0x7c, 0x4f, 0, 0, 0, 15]);

export class NtlmError extends Error {
  override readonly name = "NtlmError";
}

/** 1 NEGOTIATE, 2 CHALLENGE, 3 AUTHENTICATE; undefined for what is no message of NTLM. */
export function messageType(message: Buffer): number | undefined {
  return message.subarray(0, 8).equals(SIGNATURE) && message.length >= 12
    ? message.readUInt32LE(8)
    : undefined;
}

/** @throws NtlmError */
export function negotiateFlags(message: Buffer): number {
  if (message.length < 16) throw new NtlmError("the NEGOTIATE message is too short");
  return message.readUInt32LE(12);
}

export interface ChallengeOptions {
  /** Of the NEGOTIATE message. */
  readonly flags: number;
  readonly challenge: Buffer;
  readonly hostName: string;
  /** In ten millionths of a second since 1601. */
  readonly timestamp: bigint;
}

export function writeChallenge({ flags, challenge, hostName, timestamp }: ChallengeOptions): Buffer {
  const name = Buffer.from(hostName, "utf16le");
  const target = Buffer.from(hostName, encodingOf(flags));
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64LE(timestamp);
  // 2 NetBIOS domain, 1 NetBIOS computer, 4 DNS domain, 3 DNS computer, 7 the time, 0 the end.
  const info = Buffer.concat([
    ...[2, 1, 4, 3].map((id) => avPair(id, name)),
    avPair(7, stamp),
    avPair(0, Buffer.alloc(0)),
  ]);
  const head = Buffer.alloc(56);
  SIGNATURE.copy(head);
  head.writeUInt32LE(2, 8);
  writeField(head, 12, target.length, head.length);
  const text = (flags & FLAGS.unicode) === 0 ? FLAGS.oem : 0;
  head.writeUInt32LE(((flags & GRANTED) | ALWAYS | text) >>> 0, 20);
  challenge.copy(head, 24);
  writeField(head, 40, info.length, head.length + target.length);
  VERSION.copy(head, 48);
  return Buffer.concat([head, target, info]);
}

/** Old clients write names in the character set of their computer. */
function encodingOf(flags: number): "utf16le" | "latin1" {
  return (flags & FLAGS.unicode) === 0 ? "latin1" : "utf16le";
}

function avPair(id: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, value]);
}

function writeField(head: Buffer, at: number, length: number, offset: number): void {
  head.writeUInt16LE(length, at);
  head.writeUInt16LE(length, at + 2);
  head.writeUInt32LE(offset, at + 4);
}

export interface Authenticate {
  readonly user: string;
  readonly domain: string;
  /** NTProofStr, then what it is a proof of. */
  readonly ntResponse: Buffer;
  readonly encryptedSessionKey: Buffer;
  readonly flags: number;
  /** Whether the client says that it sent a MIC. */
  readonly hasMic: boolean;
}

export const MIC = { offset: 72, length: 16 } as const;

/** @throws NtlmError */
export function readAuthenticate(message: Buffer): Authenticate {
  if (message.length < 64) throw new NtlmError("the AUTHENTICATE message is too short");
  const field = (at: number): Buffer => {
    const [length, offset] = [message.readUInt16LE(at), message.readUInt32LE(at + 4)];
    if (offset + length > message.length)
      throw new NtlmError("a field is outside of the AUTHENTICATE message");
    return message.subarray(offset, offset + length);
  };
  const flags = message.readUInt32LE(60);
  const encoding = encodingOf(flags);
  const ntResponse = field(20);
  // Only NTLMv2 is let in, whose answer is longer than the 24 bytes of its predecessor.
  if (ntResponse.length < 44) throw new NtlmError("the client speaks no NTLMv2");
  return {
    ...{ ntResponse, encryptedSessionKey: field(52), flags },
    domain: field(28).toString(encoding),
    user: field(36).toString(encoding),
    hasMic: (avFlags(ntResponse.subarray(44)) & 2) !== 0,
  };
}

/** MsvAvFlags among the pairs that the client sends back. */
function avFlags(pairs: Buffer): number {
  for (let at = 0; at + 4 <= pairs.length; ) {
    const [id, length] = [pairs.readUInt16LE(at), pairs.readUInt16LE(at + 2)];
    if (id === 0) return 0;
    if (id === 6 && length === 4) return pairs.readUInt32LE(at + 4);
    at += 4 + length;
  }
  return 0;
}
