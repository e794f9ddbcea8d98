/** Room for the length of a sub-message: one guest's statistics stay far below its 2 MiB. */
const LENGTH_BYTES = 3;
const MAX_VARINT_BYTES = 10;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Writes protobuf fields straight into one buffer that grows. As proto3 has it, a field with its zero value is not
 * written, unless it is an optional one.
 *
 * The length of a sub-message is known only at its end, so room is kept for it and filled with a varint of just that
 * many bytes. A varint may be longer than it must be; every decoder takes it.
 */
export class WireBuffer {
  #bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  /** What was written. The buffer is not to be used after that. */
  take(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Begins a sub-message; give what it answers to `end`. */
  begin(field: number): number {
    this.#reserve(MAX_VARINT_BYTES + LENGTH_BYTES);
    this.#varint(field * 8 + 2);
    const at = this.#at;
    this.#at += LENGTH_BYTES;
    return at;
  }

  end(begun: number): void {
    const length = this.#at - begun - LENGTH_BYTES;
    if (length >= 1 << (7 * LENGTH_BYTES))
      throw new RangeError(`a sub-message of ${length} bytes is too long`);
    this.#bytes[begun] = (length & 0x7f) | 0x80;
    this.#bytes[begun + 1] = ((length >> 7) & 0x7f) | 0x80;
    this.#bytes[begun + 2] = length >> 14;
  }

  string(field: number, value: string): void {
    if (value === "") return;
    // Three bytes a UTF-16 unit are the most that UTF-8 takes.
    this.#reserve(2 * MAX_VARINT_BYTES + value.length * 3);
    this.#varint(field * 8 + 2);
    const isShort = value.length < 0x80 / 3;
    const length = isShort ? 0 : Buffer.byteLength(value);
    if (isShort) {
      // The length then fits into one byte, which can be filled in afterwards.
      const written = this.#bytes.write(value, this.#at + 1);
      this.#bytes[this.#at] = written;
      this.#at += 1 + written;
      return;
    }
    this.#varint(length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** A whole number from 0 to 2^53. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#reserve(2 * MAX_VARINT_BYTES);
    this.#varint(field * 8);
    this.#varint(value);
  }

  /** An unsigned number of 64 bits. */
  bigint(field: number, value: bigint): void {
    if (value !== 0n) this.told(field, value);
  }

  /** The same for an optional field: 0 is written too. */
  told(field: number, value: bigint | undefined): void {
    if (value === undefined) return;
    this.#reserve(2 * MAX_VARINT_BYTES);
    this.#varint(field * 8);
    if (value <= SAFE) {
      this.#varint(Number(value));
      return;
    }
    for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
      const low = Number(rest & 0x7fn);
      this.#bytes[this.#at++] = rest > 0x7fn ? low | 0x80 : low;
      if (rest <= 0x7fn) return;
    }
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      // Beyond 32 bits the operators on bits cannot be used.
      this.#bytes[this.#at++] = rest > 0x7fffffff ? (rest % 0x80) | 0x80 : (rest & 0x7f) | 0x80;
      rest = rest > 0x7fffffff ? Math.floor(rest / 0x80) : rest >>> 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
