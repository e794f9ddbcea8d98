import { crc32 } from "node:zlib";

/**
 * One record of a segment file: length (4 bytes, little endian, of the payload), CRC-32 of the payload
 * (4 bytes, little endian), payload. A payload is never empty, so that a run of zeros, which a file can end
 * with after a power failure, is not a record.
 */
export const HEADER_BYTES = 8;
/** What NATS takes in one message, less room for headers. */
export const MAX_PAYLOAD_BYTES = 1_000_000;

export function encodeFrame(payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt32LE(crc32(payload), 4);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

export type FrameReading =
  | { readonly kind: "frame"; readonly payload: Uint8Array; readonly end: number }
  /** The buffer ends before the frame does; `needs` bytes from the offset on would hold it. */
  | { readonly kind: "short"; readonly needs: number }
  /** Not what was written. */
  | { readonly kind: "damaged" };

/** Reads the frame that begins at an offset. The payload shares the buffer's memory. */
export function readFrame(buffer: Uint8Array, offset: number): FrameReading {
  const left = buffer.length - offset;
  if (left < HEADER_BYTES) return { kind: "short", needs: HEADER_BYTES };
  const view = new DataView(buffer.buffer, buffer.byteOffset + offset, HEADER_BYTES);
  const length = view.getUint32(0, true);
  if (length === 0 || length > MAX_PAYLOAD_BYTES) return { kind: "damaged" };
  const end = offset + HEADER_BYTES + length;
  if (end > buffer.length) return { kind: "short", needs: HEADER_BYTES + length };
  const payload = buffer.subarray(offset + HEADER_BYTES, end);
  return crc32(payload) === view.getUint32(4, true) ? { kind: "frame", payload, end } : { kind: "damaged" };
}

/** How many whole frames a buffer begins with, and where they end. */
export function countFrames(buffer: Uint8Array): { count: number; end: number } {
  let count = 0;
  let end = 0;
  for (let r = readFrame(buffer, 0); r.kind === "frame"; r = readFrame(buffer, end)) {
    count += 1;
    end = r.end;
  }
  return { count, end };
}
