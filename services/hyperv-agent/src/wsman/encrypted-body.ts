import { WsmanProtocolError } from "./errors.ts";
import { SOAP_TYPE } from "./soap-type.ts";

const BOUNDARY = "Encrypted Boundary";
const PROTOCOL = "application/HTTP-SPNEGO-session-encrypted";

/** The type of a message whose envelope is sealed (MS-WSMV 2.2.9.1). */
export const ENCRYPTED_TYPE = `multipart/encrypted;protocol="${PROTOCOL}";boundary="${BOUNDARY}"`;

export interface Sealed {
  readonly signature: Buffer;
  readonly sealed: Buffer;
}

/** `length`: of the envelope before it was sealed. */
export function writeEncrypted({ signature, sealed }: Sealed, length: number): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(signature.length);
  return Buffer.concat([
    Buffer.from(
      `--${BOUNDARY}\r\n\tContent-Type: ${PROTOCOL}\r\n` +
        `\tOriginalContent: type=${SOAP_TYPE};Length=${length}\r\n` +
        `--${BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n`,
    ),
    ...[size, signature, sealed],
    // No line ends before it: the bytes before are counted.
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
}

/** @throws WsmanProtocolError */
export function readEncrypted(body: Buffer): Sealed {
  // As latin1 each byte is a character.
  const text = body.toString("latin1");
  const length = /OriginalContent:[^\r\n]*Length=(\d+)/i.exec(text)?.[1];
  const part = /Content-Type:\s*application\/octet-stream\r\n/i.exec(text);
  const begin = part === null ? -1 : part.index + part[0].length;
  const size = begin > 0 && begin + 4 <= body.length ? body.readUInt32LE(begin) : 0;
  const from = begin + 4 + size;
  const to = from + Number(length ?? 0);
  if (length === undefined || size === 0 || size > 64 || !text.startsWith(`--${BOUNDARY}--`, to))
    throw new WsmanProtocolError("the sealed answer is not made as MS-WSMV 2.2.9.1 says");
  return { signature: body.subarray(begin + 4, from), sealed: body.subarray(from, to) };
}
