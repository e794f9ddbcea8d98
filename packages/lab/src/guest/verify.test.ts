import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../process.ts";
import { makeSector, SECTOR } from "./sector.ts";
import { compareImages, verifyWritten } from "./verify.ts";

const BLOCK = 4096;
const BLOCKS = 8;

/** An image as the guest leaves it after so many writes. */
function written(writes: number): Buffer {
  const image = Buffer.alloc(BLOCK * BLOCKS);
  for (let sequence = 0; sequence < writes; sequence++) {
    const start = (sequence % BLOCKS) * BLOCK;
    for (let at = 0; at < BLOCK; at += SECTOR) {
      makeSector({ sequence, offset: start + at, writer: 0 }).copy(image, start + at);
    }
  }
  return image;
}

const plan = { writer: 0, blockBytes: BLOCK };
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virtmesh-verify-"));
  path = join(folder, "disk.raw");
});
afterEach(async () => await rm(folder, { recursive: true }));

describe("verifying what a guest wrote", () => {
  it.each([0, 1, 5, 8, 9, 21])("accepts an image after %i writes", async (writes) => {
    await writeFile(path, written(writes));
    expect(await verifyWritten({ path }, plan)).toEqual({ ok: true, writes, problems: [] });
  });

  it("finds a write that was lost in the middle", async () => {
    const image = written(21);
    written(13).copy(image, 2 * BLOCK, 2 * BLOCK, 3 * BLOCK);
    await writeFile(path, image);
    expect((await verifyWritten({ path }, plan)).problems).toEqual([
      "block 2 (offset 8192) holds write 10, not write 18",
    ]);
  });

  it("finds a block of which only a part arrived", async () => {
    const image = written(21);
    written(13).copy(image, 2 * BLOCK + 3 * SECTOR, 2 * BLOCK + 3 * SECTOR, 2 * BLOCK + 4 * SECTOR);
    await writeFile(path, image);
    expect((await verifyWritten({ path }, plan)).problems).toEqual([
      "the sector at offset 9728 is from write 10, the first of its block from 18",
    ]);
  });

  it("finds a sector in the wrong place", async () => {
    const image = written(21);
    image.copy(image, SECTOR, 0, SECTOR);
    await writeFile(path, image);
    expect((await verifyWritten({ path }, plan)).problems).toEqual([
      "the sector at offset 512 belongs to offset 0",
    ]);
  });

  it("finds that finished writes are missing at the end", async () => {
    await writeFile(path, written(20));
    expect((await verifyWritten({ path }, { ...plan, atLeast: 21 })).problems).toEqual([
      "the guest had finished 21 writes, the image holds 20",
    ]);
  });
});

describe("comparing two images", () => {
  it("takes a raw and a qcow2 image of the same content for identical", async () => {
    await writeFile(path, written(21));
    const other = join(folder, "disk.qcow2");
    await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", path, other]);
    expect(await compareImages({ path }, { path: other, format: "qcow2" })).toMatchObject({
      identical: true,
    });
  });

  it("names the runs of bytes that differ", async () => {
    await writeFile(path, written(21));
    const changed = written(21);
    changed.fill(0, 1024, 3000);
    const other = join(folder, "other.raw");
    await writeFile(other, changed);
    expect(await compareImages({ path }, { path: other })).toEqual({
      identical: false,
      sizes: [32768, 32768],
      differences: [{ offset: 1024, length: 2048 }],
      differingBytes: 2048,
    });
  });

  it("does not take a shorter image for identical", async () => {
    await writeFile(path, written(21));
    const other = join(folder, "other.raw");
    await writeFile(other, written(21).subarray(0, 4 * BLOCK));
    expect(await compareImages({ path }, { path: other })).toMatchObject({
      identical: false,
      differingBytes: 4 * BLOCK,
    });
  });
});
