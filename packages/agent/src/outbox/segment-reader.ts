import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { readFrame } from "./frame.ts";

export interface SegmentFile {
  /** Number of its first record. */
  readonly first: number;
  readonly path: string;
}

export interface LogRecord {
  readonly index: number;
  readonly payload: Uint8Array;
}

/** Records of a file that could not be read and are left out. */
export interface Damage {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

const CHUNK_BYTES = 64 * 1024;

/**
 * Reads records by number, in order, holding one piece of one file in memory. One `read` at a time.
 */
export class SegmentReader {
  readonly #segments: readonly SegmentFile[];
  readonly #end: () => number;
  #file: FileHandle | undefined;
  #segment: SegmentFile | undefined;
  #next = 0;
  /** Place in the file at which `#chunk` begins, and place in the chunk of record `#next`. */
  #chunkAt = 0;
  #chunk: Uint8Array = new Uint8Array();
  #offset = 0;

  constructor(segments: readonly SegmentFile[], end: () => number) {
    this.#segments = segments;
    this.#end = end;
  }

  /**
   * The record with that number, or the first one behind it when the file is damaged there (told to
   * `onDamage`); undefined at the end of the log.
   */
  async read(index: number, onDamage: (damage: Damage) => void): Promise<LogRecord | undefined> {
    let wanted = Math.max(index, this.#segments[0]?.first ?? 0);
    while (wanted < this.#end()) {
      const segment = this.#segmentOf(wanted);
      if (!segment) return undefined;
      if (segment !== this.#segment || wanted < this.#next) await this.#enter(segment);
      const payload = await this.#skipTo(wanted);
      if (payload) return { index: wanted, payload };
      const after = this.#endOf(segment);
      onDamage({ path: segment.path, from: this.#next, to: after });
      wanted = after;
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#segment = undefined;
  }

  #segmentOf(index: number): SegmentFile | undefined {
    return this.#segments.findLast((s) => s.first <= index);
  }

  #endOf(segment: SegmentFile): number {
    const next = this.#segments[this.#segments.indexOf(segment) + 1];
    return next?.first ?? this.#end();
  }

  async #enter(segment: SegmentFile): Promise<void> {
    await this.close();
    this.#file = await open(segment.path, "r");
    this.#segment = segment;
    this.#next = segment.first;
    this.#chunkAt = 0;
    this.#chunk = new Uint8Array();
    this.#offset = 0;
  }

  /** undefined when a record up to the wanted one is damaged. */
  async #skipTo(index: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const payload = await this.#one();
      if (!payload) return undefined;
      this.#next += 1;
      if (this.#next > index) return payload;
    }
  }

  async #one(): Promise<Uint8Array | undefined> {
    let r = readFrame(this.#chunk, this.#offset);
    // A write that failed was cut back after this chunk was read, and others are in its place.
    if (r.kind === "damaged" && (await this.#refill(1))) r = readFrame(this.#chunk, 0);
    if (r.kind === "short" && (await this.#refill(r.needs))) r = readFrame(this.#chunk, 0);
    if (r.kind === "short" && (await this.#refill(r.needs))) r = readFrame(this.#chunk, 0);
    if (r.kind !== "frame") return undefined;
    this.#offset = r.end;
    return r.payload;
  }

  /** Reads on from the current record; false when the file has fewer bytes than needed. */
  async #refill(needs: number): Promise<boolean> {
    const at = this.#chunkAt + this.#offset;
    const buffer = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, needs));
    let have = 0;
    while (have < buffer.length) {
      const { bytesRead } = (await this.#file?.read(buffer, have, buffer.length - have, at + have)) ?? {
        bytesRead: 0,
      };
      if (bytesRead === 0) break;
      have += bytesRead;
    }
    this.#chunkAt = at;
    this.#offset = 0;
    this.#chunk = buffer.subarray(0, have);
    return have >= needs;
  }
}
