import { VirtError } from "@virtmesh/core/errors";

const PREFIX_BYTES = 5;

/** One gRPC message on the wire: flag (0, not compressed), length, bytes. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/** Cuts what arrives into messages. A message inside one chunk is a view of it, not a copy. */
export class FrameReader {
  readonly #maxBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #wanted = PREFIX_BYTES;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Messages that are complete with this chunk.
   * @throws PROTOCOL for a compressed message, which nobody asked for; LIMIT_REACHED for one that is too long.
   */
  push(chunk: Buffer): Buffer[] {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < this.#wanted) return [];
    let rest = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending, this.#pendingBytes);
    const messages: Buffer[] = [];
    this.#wanted = PREFIX_BYTES;
    while (rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + this.#lengthOf(rest);
      if (rest.length < end) {
        this.#wanted = end;
        break;
      }
      messages.push(rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#pending = rest.length === 0 ? [] : [rest];
    this.#pendingBytes = rest.length;
    return messages;
  }

  /** Whether a message was cut off in the middle. */
  get partial(): boolean {
    return this.#pendingBytes > 0;
  }

  #lengthOf(bytes: Buffer): number {
    if (bytes[0] !== 0)
      throw new VirtError("PROTOCOL", "the agent sent a compressed message, which was not offered");
    const length = bytes.readUInt32BE(1);
    if (length > this.#maxBytes) {
      throw new VirtError(
        "LIMIT_REACHED",
        `the agent's answer has ${length} bytes, and at most ${this.#maxBytes} pass; ask for smaller pages`,
      );
    }
    return length;
  }
}
