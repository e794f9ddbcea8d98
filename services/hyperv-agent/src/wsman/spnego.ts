import type { HttpAnswer } from "./http.ts";

/** 1.3.6.1.5.5.2, and Microsoft's 1.3.6.1.4.1.311.2.2.10 for NTLM, both as DER. */
const SPNEGO = Buffer.from("06062b0601050502", "hex");
const NTLMSSP = Buffer.from("060a2b06010401823702020a", "hex");
const NTLM_SIGNATURE = Buffer.from("NTLMSSP\0");

/** A NegTokenInit that offers NTLM alone and begins with it (RFC 4178, 4.2.1). */
export function wrapFirst(token: Buffer): Buffer {
  const mechanisms = der(0xa0, der(0x30, NTLMSSP));
  return der(
    0x60,
    Buffer.concat([SPNEGO, der(0xa0, der(0x30, Buffer.concat([mechanisms, der(0xa2, der(0x04, token))])))]),
  );
}

/** A NegTokenResp that goes on (RFC 4178, 4.2.2). */
export function wrapNext(token: Buffer): Buffer {
  return der(0xa1, der(0x30, der(0xa2, der(0x04, token))));
}

/** NTLM's message in an answer to us, by itself or in the wrapping of SPNEGO; undefined when there is none. */
export function tokenIn({ headers }: HttpAnswer): Buffer | undefined {
  const encoded = /Negotiate\s+([A-Za-z0-9+/=]+)/i.exec(headers["www-authenticate"] ?? "")?.[1];
  const bytes = Buffer.from(encoded ?? "", "base64");
  const begin = bytes.indexOf(NTLM_SIGNATURE);
  if (begin <= 0) return begin < 0 ? undefined : bytes;
  return bytes.subarray(begin, begin + lengthBefore(bytes, begin));
}

/** The length of what begins there, which DER has in front of it in one byte or in more. */
function lengthBefore(bytes: Buffer, begin: number): number {
  if (begin >= 3 && bytes[begin - 3] === 0x82) return bytes.readUInt16BE(begin - 2);
  return bytes.readUInt8(begin - 1);
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
