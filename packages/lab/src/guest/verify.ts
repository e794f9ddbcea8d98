import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "../process.ts";
import { readSector, SECTOR } from "./sector.ts";

export type ImageFormat = "raw" | "qcow2";

const CHUNK = 1024 * 1024;
const MAX_PROBLEMS = 10;

/** A run of bytes in which two images differ. */
export interface Difference {
  readonly offset: number;
  readonly length: number;
}

export interface Comparison {
  readonly identical: boolean;
  readonly sizes: readonly [number, number];
  /** The first ten. */
  readonly differences: readonly Difference[];
  /** In all, by blocks of 512 bytes; a difference in size counts too. */
  readonly differingBytes: number;
}

/** Compares what two images hold, 512 bytes by 512 bytes. Neither may be written at the time: pause the guest. */
export async function compareImages(
  a: { readonly path: string; readonly format?: ImageFormat },
  b: { readonly path: string; readonly format?: ImageFormat },
): Promise<Comparison> {
  await using left = await RawView.open(a.path, a.format ?? "raw");
  await using right = await RawView.open(b.path, b.format ?? "raw");
  const common = Math.min(left.size, right.size);
  const differences: { offset: number; length: number }[] = [];
  let differingBytes = Math.abs(left.size - right.size);
  for (let at = 0; at < common; at += CHUNK) {
    const length = Math.min(CHUNK, common - at);
    const [x, y] = await Promise.all([left.read(at, length), right.read(at, length)]);
    if (x.equals(y)) continue;
    for (let i = 0; i < length; i += SECTOR) {
      const end = Math.min(i + SECTOR, length);
      if (x.compare(y, i, end, i, end) === 0) continue;
      differingBytes += end - i;
      const last = differences.at(-1);
      if (last && last.offset + last.length === at + i) last.length += end - i;
      else differences.push({ offset: at + i, length: end - i });
    }
  }
  return {
    identical: differingBytes === 0,
    sizes: [left.size, right.size],
    differences: differences.slice(0, MAX_PROBLEMS),
    differingBytes,
  };
}

/** What one writer of the test guest was told to do (`guest.write=`). */
export interface WriterPlan {
  /** Its number: 0 for the first on the command line. */
  readonly writer: number;
  readonly blockBytes: number;
  /** Default the whole image. */
  readonly spanBytes?: number;
  /** Writes the guest had seen finished; the image must hold at least these. */
  readonly atLeast?: number;
}

export interface WrittenReport {
  readonly ok: boolean;
  /** How many writes the image holds: its highest number, plus one. */
  readonly writes: number;
  /** Sentences, the first ten. */
  readonly problems: readonly string[];
}

/**
 * Says whether an image holds exactly what the guest's writer wrote up to some write: every block the newest
 * that belongs there, whole, in its place, and nothing lost in between.
 */
export async function verifyWritten(
  image: { readonly path: string; readonly format?: ImageFormat },
  plan: WriterPlan,
): Promise<WrittenReport> {
  await using view = await RawView.open(image.path, image.format ?? "raw");
  const span = Math.min(plan.spanBytes ?? view.size, view.size);
  const blocks = Math.floor(span / plan.blockBytes);
  const found: (number | undefined)[] = [];
  const problems: string[] = [];
  for (let block = 0; block < blocks; block++) {
    const offset = block * plan.blockBytes;
    const bytes = await view.read(offset, plan.blockBytes);
    found.push(sequenceOfBlock(bytes, offset, plan.writer, problems));
  }
  const highest = found.reduce<number>((max, s) => (s === undefined ? max : Math.max(max, s)), -1);
  for (const [block, sequence] of found.entries()) {
    const expected = highest - ((((highest - block) % blocks) + blocks) % blocks);
    if (expected < 0 && sequence === undefined) continue;
    if (sequence !== expected) {
      problems.push(
        `block ${block} (offset ${block * plan.blockBytes}) holds ${sequence === undefined ? "nothing of the writer's" : `write ${sequence}`}, not write ${expected}`,
      );
    }
  }
  if (plan.atLeast !== undefined && highest + 1 < plan.atLeast) {
    problems.push(`the guest had finished ${plan.atLeast} writes, the image holds ${highest + 1}`);
  }
  return { ok: problems.length === 0, writes: highest + 1, problems: problems.slice(0, MAX_PROBLEMS) };
}

/** The number of the write a block holds, or undefined when it was never written. */
function sequenceOfBlock(
  bytes: Buffer,
  offset: number,
  writer: number,
  problems: string[],
): number | undefined {
  const first = readSector(bytes.subarray(0, SECTOR));
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const tag = readSector(bytes.subarray(at, at + SECTOR));
    if (tag === undefined && first === undefined) continue;
    const place = `sector at offset ${offset + at}`;
    if (tag === undefined)
      problems.push(`the ${place} is damaged or was not written with the rest of its block`);
    else if (tag.offset !== offset + at) problems.push(`the ${place} belongs to offset ${tag.offset}`);
    else if (tag.writer !== writer) problems.push(`the ${place} is from writer ${tag.writer}, not ${writer}`);
    else if (tag.sequence !== first?.sequence) {
      problems.push(
        `the ${place} is from write ${tag.sequence}, the first of its block from ${first?.sequence ?? "none"}`,
      );
    }
  }
  return first?.sequence;
}

/** An image as the guest sees it. What is not raw is unpacked beside it first. */
class RawView implements AsyncDisposable {
  readonly size: number;
  readonly #file: FileHandle;
  readonly #folder: string | undefined;

  private constructor(file: FileHandle, size: number, folder?: string) {
    this.#file = file;
    this.size = size;
    this.#folder = folder;
  }

  static async open(path: string, format: ImageFormat): Promise<RawView> {
    if (format === "raw") {
      const file = await open(path, "r");
      return new RawView(file, (await file.stat()).size);
    }
    const folder = await mkdtemp(join(dirname(path), "verify-"));
    const raw = join(folder, "raw");
    // -U: a paused hypervisor still holds the image's lock.
    await run(["qemu-img", "convert", "-U", "-f", format, "-O", "raw", path, raw]);
    const file = await open(raw, "r");
    return new RawView(file, (await file.stat()).size, folder);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}
