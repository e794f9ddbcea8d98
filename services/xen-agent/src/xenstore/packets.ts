/** Kinds of packets of XenStore's protocol that are used here, by their numbers. */
export const PACKET = {
  directory: 1,
  read: 2,
  watch: 4,
  unwatch: 5,
  write: 11,
  watchEvent: 15,
  error: 16,
} as const;

/** One message in either direction: `uint32 type, request, transaction, length`, little-endian, and then its body. */
export interface Packet {
  readonly type: number;
  /** Given back with the answer; 0 for what nobody has asked for. */
  readonly request: number;
  readonly transaction: number;
  readonly body: Buffer;
}

const HEADER_BYTES = 16;
/** No packet has more. */
export const MAX_BODY = 4096;

export function encodePacket({ type, request, transaction, body }: Packet): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + body.length);
  for (const [i, value] of [type, request, transaction, body.length].entries())
    bytes.writeUInt32LE(value, i * 4);
  body.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Packets out of a stream that is cut anywhere. */
export class PacketReader {
  #rest = Buffer.alloc(0);

  /** The packets that are whole now. @throws RangeError for what is not XenStore's protocol */
  read(chunk: Uint8Array): readonly Packet[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const packets: Packet[] = [];
    while (this.#rest.length >= HEADER_BYTES) {
      const length = this.#rest.readUInt32LE(12);
      if (length > MAX_BODY) throw new RangeError(`a packet of ${length} bytes`);
      if (this.#rest.length < HEADER_BYTES + length) break;
      packets.push({
        type: this.#rest.readUInt32LE(0),
        request: this.#rest.readUInt32LE(4),
        transaction: this.#rest.readUInt32LE(8),
        body: this.#rest.subarray(HEADER_BYTES, HEADER_BYTES + length),
      });
      this.#rest = this.#rest.subarray(HEADER_BYTES + length);
    }
    return packets;
  }
}

/** Texts with a zero behind each. */
export function strings(...texts: readonly string[]): Buffer {
  return Buffer.from(texts.map((text) => `${text}\0`).join(""));
}

export function textsIn(body: Buffer): readonly string[] {
  const text = body.toString("utf8");
  return text === "" ? [] : text.replace(/\0$/, "").split("\0");
}
