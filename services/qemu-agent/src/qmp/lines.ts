const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines, and holds no more of an unfinished one than the limit allows. */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of a line that has not ended yet. */
  get heldBytes(): number {
    return this.#held;
  }

  /** Calls back for every line that ends in this chunk. Returns false when a line is longer than the limit. */
  push(chunk: Buffer, onLine: (line: string) => void): boolean {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (this.#held + end - start > this.#maxBytes) return false;
      onLine(this.#take(chunk, start, end));
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#held += chunk.length - start;
      if (this.#held > this.#maxBytes) return false;
      this.#parts.push(chunk.subarray(start));
    }
    return true;
  }

  #take(chunk: Buffer, start: number, end: number): string {
    if (this.#held === 0) return chunk.toString("utf8", start, end);
    const line = Buffer.concat([...this.#parts, chunk.subarray(start, end)]).toString("utf8");
    this.#parts = [];
    this.#held = 0;
    return line;
  }
}
