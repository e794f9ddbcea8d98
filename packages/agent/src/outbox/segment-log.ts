import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readdir, readFile, stat, truncate, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { countFrames } from "./frame.ts";
import type { SegmentFile } from "./segment-reader.ts";
import { SegmentReader } from "./segment-reader.ts";

/** Bytes at the end of the log that were no whole record: a write that a crash cut short. */
export interface TornTail {
  readonly path: string;
  readonly bytes: number;
  /** Where the cut bytes were kept for people to look at. */
  readonly keptAs: string;
}

const NAME = /^(\d{16})\.log$/;

/**
 * Records on disk, numbered from 0 for ever, in files that each begin with the number in their name. Appending
 * goes to the last file; whole files are removed from the front.
 *
 *   0000000000000000.log  0000000000004711.log  0000000000009340.log
 *   ^ first               sent | waiting ->                     end ^
 */
export class SegmentLog {
  readonly tornTail: TornTail | undefined;
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #segments: SegmentFile[];
  readonly #onSyncFailure: (e: unknown) => void;
  #tail: FileHandle;
  #tailBytes: number;
  #end: number;
  #dirty = false;
  #syncing: Promise<void> | undefined;

  private constructor(
    dir: string,
    segmentBytes: number,
    onSyncFailure: (e: unknown) => void,
    found: {
      segments: SegmentFile[];
      tail: FileHandle;
      tailBytes: number;
      end: number;
      torn: TornTail | undefined;
    },
  ) {
    this.#dir = dir;
    this.#segmentBytes = segmentBytes;
    this.#onSyncFailure = onSyncFailure;
    this.#segments = found.segments;
    this.#tail = found.tail;
    this.#tailBytes = found.tailBytes;
    this.#end = found.end;
    this.tornTail = found.torn;
  }

  static async open(
    dir: string,
    segmentBytes: number,
    onSyncFailure: (e: unknown) => void,
  ): Promise<SegmentLog> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const firsts = (await readdir(dir)).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
    firsts.sort((a, b) => a - b);
    if (firsts.length === 0) firsts.push(0);
    const segments = firsts.map((first) => ({ first, path: pathOf(dir, first) }));
    const last = segments.at(-1) ?? { first: 0, path: pathOf(dir, 0) };
    const tail = await open(last.path, "a", 0o600);
    const { count, end, torn } = await cutTornTail(last.path);
    return new SegmentLog(dir, segmentBytes, onSyncFailure, {
      segments,
      tail,
      tailBytes: end,
      end: last.first + count,
      torn,
    });
  }

  /** Number of the first record that is kept. */
  get first(): number {
    return this.#segments[0]?.first ?? 0;
  }

  /** Number that the next record gets. */
  get end(): number {
    return this.#end;
  }

  /**
   * Writes records together; when it resolves they survive the end of the process, and a little later
   * (fdatasync follows on its own) a power failure. One call at a time. After a failed write the file is cut
   * back, so that no half record stays.
   */
  async append(frames: readonly Buffer[]): Promise<void> {
    if (this.#tailBytes >= this.#segmentBytes) await this.#roll();
    const bytes = Buffer.concat(frames);
    try {
      let written = 0;
      while (written < bytes.length) written += (await this.#tail.write(bytes, written)).bytesWritten;
    } catch (e) {
      await this.#tail.truncate(this.#tailBytes);
      throw e;
    }
    this.#tailBytes += bytes.length;
    this.#end += frames.length;
    this.#dirty = true;
    this.#syncing ??= this.#sync();
  }

  /** A reader with its own place in the log. */
  reader(): SegmentReader {
    return new SegmentReader(this.#segments, () => this.#end);
  }

  /** Removes the files of which all records are before `index` and that were last written before `time`. */
  async dropBefore(index: number, time: number): Promise<void> {
    for (;;) {
      const [segment, next] = this.#segments;
      if (!segment || !next || next.first > index) return;
      if ((await stat(segment.path)).mtimeMs > time) return;
      await unlink(segment.path);
      this.#segments.shift();
    }
  }

  async close(): Promise<void> {
    await this.#syncing;
    await this.#tail.close();
  }

  async #roll(): Promise<void> {
    await this.#syncing;
    await this.#tail.datasync();
    const segment = { first: this.#end, path: pathOf(this.#dir, this.#end) };
    const tail = await open(segment.path, "a", 0o600);
    await this.#tail.close();
    this.#tail = tail;
    this.#tailBytes = 0;
    this.#segments.push(segment);
    await syncDirectory(this.#dir);
  }

  /** Never rejects. What is appended while one runs is taken by the next. */
  async #sync(): Promise<void> {
    try {
      while (this.#dirty) {
        this.#dirty = false;
        await this.#tail.datasync();
      }
    } catch (e) {
      this.#onSyncFailure(e);
    } finally {
      this.#syncing = undefined;
    }
  }
}

function pathOf(dir: string, first: number): string {
  return join(dir, `${String(first).padStart(16, "0")}.log`);
}

async function cutTornTail(
  path: string,
): Promise<{ count: number; end: number; torn: TornTail | undefined }> {
  const content = await readFile(path);
  const { count, end } = countFrames(content);
  if (end === content.length) return { count, end, torn: undefined };
  const keptAs = `${path}.torn`;
  await writeFile(keptAs, content.subarray(end), { mode: 0o600 });
  await truncate(path, end);
  return { count, end, torn: { path, bytes: content.length - end, keptAs } };
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
