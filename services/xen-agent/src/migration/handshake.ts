/** What an `xl migrate-receive` says first: it wants the definition and the memory (tools/xl/xl.h). */
export const BANNER = Buffer.from("xl migration receiver ready, send binary domain data.\n");
/** And when it has all of a guest, whose processors stand still. What follows in xl's own protocol is never said here. */
export const READY = Buffer.from("domain received, ready to unpause\0");

const SPEECH = Buffer.concat([BANNER, READY]);

/** What the receiving xl says, out of a stream that is cut anywhere. */
export class ReceiverWords {
  #heard = 0;

  /** What is whole by this chunk, and was not before. @throws RangeError for what no receiving xl says */
  take(chunk: Uint8Array): readonly ("banner" | "ready")[] {
    const before = this.#heard;
    this.#heard += chunk.length;
    if (!SPEECH.subarray(before, this.#heard).equals(chunk))
      throw new RangeError("something else than a receiving xl speaks there");
    const isNow = (end: number): boolean => before < end && this.#heard >= end;
    return [
      ...(isNow(BANNER.length) ? (["banner"] as const) : []),
      ...(isNow(SPEECH.length) ? (["ready"] as const) : []),
    ];
  }
}

/** Its last number is the length of what follows: the definition. */
const HEADER_BYTES = 48;
/** What libxl writes behind that, before its helper sends the memory: the stream's header and a record's (libxl_sr_stream_format.h). */
const STREAM_BYTES = 16 + 8;

/** How many bytes a sending xl writes before any memory; undefined while too few of them are known. */
export function bytesBeforeMemory(head: Buffer): number | undefined {
  if (head.length < HEADER_BYTES) return undefined;
  return HEADER_BYTES + head.readUInt32LE(HEADER_BYTES - 4) + STREAM_BYTES;
}
