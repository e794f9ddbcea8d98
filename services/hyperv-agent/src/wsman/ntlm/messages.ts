import { WsmanProtocolError } from "../errors.ts";
import { hmacMd5, ntowfV2, responsesV2, unicode } from "./keys.ts";
import { Rc4 } from "./rc4.ts";

/**
 * What we ask for (MS-NLMP 2.2.2.5): Unicode, signing and sealing with keys of 128 bits that are exchanged, and the
 * target's names and time.
 */
const FLAGS = 0xe2888235;
/** Servers need not repeat that it was asked for. */
const REQUEST_TARGET = 0x4;
/** Without these there is no secret between us. */
const NEEDED = 0x60080030;
const SIGNATURE = Buffer.from("NTLMSSP\0");
/** A version that only debuggers look at. */
const VERSION = Buffer.from([10, 0, 0x7c, 0x4f, 0, 0, 0, 15]);

/** The first message (MS-NLMP 2.2.1.1). */
export function negotiateMessage(): Buffer {
  const head = Buffer.alloc(32);
  SIGNATURE.copy(head);
  head.writeUInt32LE(1, 8);
  head.writeUInt32LE(FLAGS, 12);
  return Buffer.concat([head, VERSION]);
}

export interface Challenge {
  readonly flags: number;
  readonly serverChallenge: Buffer;
  readonly targetInfo: Buffer;
  /** The message itself. */
  readonly bytes: Buffer;
}

/** The server's answer (MS-NLMP 2.2.1.2). @throws WsmanProtocolError, also for one that would not seal */
export function readChallenge(bytes: Buffer): Challenge {
  if (bytes.length < 48 || !bytes.subarray(0, 8).equals(SIGNATURE) || bytes.readUInt32LE(8) !== 2)
    throw new WsmanProtocolError("the server's answer to NTLM is no challenge");
  const flags = bytes.readUInt32LE(20);
  if ((flags & NEEDED) !== (NEEDED | 0))
    throw new WsmanProtocolError("the server does not seal messages with keys of 128 bits");
  const [length, offset] = [bytes.readUInt16LE(40), bytes.readUInt32LE(44)];
  if (offset + length > bytes.length) throw new WsmanProtocolError("the server's challenge is cut off");
  return {
    ...{ flags, bytes },
    serverChallenge: bytes.subarray(24, 32),
    targetInfo: bytes.subarray(offset, offset + length),
  };
}

export interface Identity {
  readonly user: string;
  readonly password: string;
  readonly domain: string;
  readonly workstation: string;
}

/** What is made up for each login. */
export interface Nonces {
  /** 8 bytes. */
  readonly clientChallenge: Buffer;
  /** 16 bytes. */
  readonly sessionKey: Buffer;
  /** Where the server tells no time: ticks of 100 ns since 1601. */
  readonly time: bigint;
}

const TIMESTAMP = 7;
const AV_FLAGS = 6;
const MIC_PRESENT = 2;

/**
 * The last message (MS-NLMP 2.2.1.3). A server that tells its time gets a code over all three messages with it, so that
 * nobody on the way can have changed them.
 */
export function authenticateMessage(
  negotiate: Buffer,
  challenge: Challenge,
  identity: Identity,
  nonces: Nonces,
): Buffer {
  const { user, password, domain, workstation } = identity;
  const pairs = readPairs(challenge.targetInfo);
  const timestamp = pairs.get(TIMESTAMP);
  const info = timestamp === undefined ? challenge.targetInfo : writePairs(withFlag(pairs));
  const time = timestamp === undefined ? nonces.time : timestamp.readBigUInt64LE();
  const key = ntowfV2(user, password, domain);
  const answers = responsesV2(key, challenge.serverChallenge, nonces.clientChallenge, time, info);
  const fields = [
    timestamp === undefined ? answers.lm : Buffer.alloc(24),
    answers.nt,
    unicode(domain),
    unicode(user),
    unicode(workstation),
    new Rc4(answers.sessionBaseKey).apply(nonces.sessionKey),
  ];
  const message = assemble(
    fields,
    ((challenge.flags & FLAGS) | REQUEST_TARGET) >>> 0,
    timestamp !== undefined,
  );
  if (timestamp !== undefined)
    hmacMd5(nonces.sessionKey, negotiate, challenge.bytes, message).copy(message, MIC_OFFSET);
  return message;
}

const HEAD_BYTES = 72;
const MIC_OFFSET = HEAD_BYTES;
const MIC_BYTES = 16;
/** In which order the fields lie behind the head: names first. */
const PAYLOAD = [2, 3, 4, 0, 1, 5] as const;

function assemble(fields: readonly Buffer[], flags: number, hasMic: boolean): Buffer {
  const head = Buffer.alloc(HEAD_BYTES + (hasMic ? MIC_BYTES : 0));
  SIGNATURE.copy(head);
  head.writeUInt32LE(3, 8);
  let offset = head.length;
  for (const index of PAYLOAD) {
    const length = fields[index]?.length ?? 0;
    head.writeUInt16LE(length, 12 + index * 8);
    head.writeUInt16LE(length, 14 + index * 8);
    head.writeUInt32LE(offset, 16 + index * 8);
    offset += length;
  }
  head.writeUInt32LE(flags, 60);
  VERSION.copy(head, 64);
  return Buffer.concat([head, ...PAYLOAD.map((index) => fields[index] ?? Buffer.alloc(0))]);
}

/** AV_PAIRs (MS-NLMP 2.2.2.1) by their id, in order. */
function readPairs(info: Buffer): ReadonlyMap<number, Buffer> {
  const pairs = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= info.length; ) {
    const [id, length] = [info.readUInt16LE(at), info.readUInt16LE(at + 2)];
    if (id === 0) break;
    pairs.set(id, info.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return pairs;
}

function withFlag(pairs: ReadonlyMap<number, Buffer>): ReadonlyMap<number, Buffer> {
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE((pairs.get(AV_FLAGS)?.readUInt32LE() ?? 0) | MIC_PRESENT);
  return new Map([...pairs, [AV_FLAGS, flags]]);
}

function writePairs(pairs: ReadonlyMap<number, Buffer>): Buffer {
  const parts = [...pairs].map(([id, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(id);
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, value]);
  });
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}
