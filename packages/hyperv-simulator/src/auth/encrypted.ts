/** A message that came in the form of MS-WSMV 2.2.9.1: its signature, and its sealed bytes. */
export interface EncryptedMessage {
  readonly signature: Buffer;
  readonly data: Buffer;
}

const PROTOCOL = "application/HTTP-SPNEGO-session-encrypted";
const BOUNDARY = "--Encrypted Boundary";
const OCTETS = Buffer.from("Content-Type: application/octet-stream\r\n");

export const ENCRYPTED_TYPE = `multipart/encrypted;protocol="${PROTOCOL}";boundary="Encrypted Boundary"`;

export function isEncrypted(contentType: string): boolean {
  return /^multipart\/encrypted\b/i.test(contentType) && contentType.includes(PROTOCOL);
}

/** Undefined when the parts are not as they should be. */
export function readEncrypted(body: Buffer): EncryptedMessage | undefined {
  const begin = body.indexOf(OCTETS);
  const head = body.subarray(0, Math.max(begin, 0)).toString("latin1");
  const length = /OriginalContent:\s*type=[^\r\n]*;Length=(\d+)/i.exec(head)?.[1];
  if (begin < 0 || length === undefined) return undefined;
  const at = begin + OCTETS.length;
  if (at + 4 > body.length) return undefined;
  const signatureLength = body.readUInt32LE(at);
  const data = at + 4 + signatureLength;
  const end = data + Number(length);
  if (end > body.length || !body.subarray(end).toString("latin1").startsWith(`${BOUNDARY}--`))
    return undefined;
  return { signature: body.subarray(at + 4, data), data: body.subarray(data, end) };
}

export function writeEncrypted({ signature, data }: EncryptedMessage, contentType: string): Buffer {
  const head =
    `${BOUNDARY}\r\n\tContent-Type: ${PROTOCOL}\r\n` +
    `\tOriginalContent: type=${contentType};Length=${data.length}\r\n` +
    `${BOUNDARY}\r\n\t`;
  const size = Buffer.alloc(4);
  size.writeUInt32LE(signature.length);
  return Buffer.concat([Buffer.from(head), OCTETS, size, signature, data, Buffer.from(`${BOUNDARY}--\r\n`)]);
}
