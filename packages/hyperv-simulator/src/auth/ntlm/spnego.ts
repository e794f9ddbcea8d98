import { NtlmError } from "./messages.ts";

/** Object identifiers of SPNEGO and of NTLM in it, encoded. */
const SPNEGO_OID = Buffer.from("06062b0601050502", "hex");
const NTLM_OID = Buffer.from("060a2b06010401823702020a", "hex");

/** A part in the distinguished encoding of ASN.1. */
interface Part {
  readonly tag: number;
  readonly content: Buffer;
  readonly after: Buffer;
}

function readPart(data: Buffer): Part {
  const [tag, first] = [data[0], data[1]];
  if (tag === undefined || first === undefined) throw new NtlmError("the token ends too early");
  const more = first < 0x80 ? 0 : first & 0x7f;
  const length = more === 0 ? first : data.readUIntBE(2, Math.min(more, 6));
  const start = 2 + more;
  if (start + length > data.length) throw new NtlmError("a part is longer than the token");
  return { tag, content: data.subarray(start, start + length), after: data.subarray(start + length) };
}

function part(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const size =
    content.length < 0x80
      ? Buffer.from([content.length])
      : content.length < 0x100
        ? Buffer.from([0x81, content.length])
        : Buffer.from([0x82, content.length >> 8, content.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), size, content]);
}

export interface Unwrapped {
  readonly ntlm: Buffer;
  /** The list of mechanisms as the client wrote it, in its first token. */
  readonly mechanisms: Buffer | undefined;
  /** The client's signature of that list. */
  readonly mic: Buffer | undefined;
}

/** The token of NTLM in one of SPNEGO: the first one of a client, or a later one (RFC 4178). @throws NtlmError */
export function unwrapToken(token: Buffer): Unwrapped {
  const outer = readPart(token);
  let body = outer.content;
  if (outer.tag === 0x60) {
    if (!body.subarray(0, SPNEGO_OID.length).equals(SPNEGO_OID))
      throw new NtlmError("it is no token of SPNEGO");
    body = readPart(body.subarray(SPNEGO_OID.length)).content;
  } else if (outer.tag !== 0xa1) {
    throw new NtlmError("it is neither NTLM nor SPNEGO");
  }
  const fields = new Map<number, Buffer>();
  for (let rest = readPart(body).content; rest.length > 0; ) {
    const field = readPart(rest);
    fields.set(field.tag, field.content);
    rest = field.after;
  }
  const inner = fields.get(0xa2);
  const mic = fields.get(0xa3);
  if (inner === undefined) throw new NtlmError("the client offers no NTLM first");
  return {
    ntlm: readPart(inner).content,
    mechanisms: outer.tag === 0x60 ? fields.get(0xa0) : undefined,
    mic: mic === undefined ? undefined : readPart(mic).content,
  };
}

/** A server's answer around its token of NTLM, when more is to come. */
export function wrapToken(ntlm: Buffer): Buffer {
  return response(1, part(0xa1, NTLM_OID), part(0xa2, part(0x04, ntlm)));
}

/** A server's last answer, with its signature of the list of mechanisms where the client sent one. */
export function completeToken(mic: Buffer | undefined): Buffer {
  return response(0, ...(mic === undefined ? [] : [part(0xa3, part(0x04, mic))]));
}

function response(state: number, ...fields: readonly Buffer[]): Buffer {
  return part(0xa1, part(0x30, part(0xa0, part(0x0a, Buffer.from([state]))), ...fields));
}
