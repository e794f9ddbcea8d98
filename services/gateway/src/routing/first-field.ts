import { VirtError } from "@virtmesh/core/errors";

const URI_TAG = 0x0a; // field 1, length-delimited

/**
 * Field 1 of an encoded request: its connection URI, without decoding the rest. Empty when the field is not
 * set. Protobuf lets fields come in any order and the last of several count, so every field at the top level
 * is stepped over: what is read here is what the agent will read.
 *
 * @throws PROTOCOL when the bytes are no protobuf message.
 */
export function readUri(message: Uint8Array): string {
  let uri = "";
  let at = 0;
  while (at < message.length) {
    const tag = varint(message, at);
    at = tag.next;
    switch (tag.value % 8) {
      case 0:
        at = varint(message, at).next;
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint(message, at);
        const end = length.next + length.value;
        if (end > message.length) throw malformed();
        if (tag.value === URI_TAG) uri = text(message, length.next, end);
        at = end;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw malformed();
    }
  }
  if (at > message.length) throw malformed();
  return uri;
}

function varint(message: Uint8Array, start: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let scale = 1;
  for (let at = start; at < start + 10; at++) {
    const byte = message[at];
    if (byte === undefined) throw malformed();
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, next: at + 1 };
    scale *= 128;
  }
  throw malformed();
}

function text(message: Uint8Array, start: number, end: number): string {
  return Buffer.from(message.buffer, message.byteOffset + start, end - start).toString("utf8");
}

function malformed(): VirtError {
  return new VirtError("PROTOCOL", "the request is not a protobuf message");
}
