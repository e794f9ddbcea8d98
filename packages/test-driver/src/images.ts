import { createHash } from "node:crypto";
import { VirtError } from "@virtmesh/core/errors";

/** How much of a disk is really kept; the rest is as if it were zeros. */
export const KEPT_BYTES = 4096;

export type WriteListener = (offset: number, data: Uint8Array) => void;

/** A disk image in memory. */
export interface Image {
  readonly path: string;
  readonly capacityBytes: bigint;
  readonly content: Buffer;
  readonly listeners: Set<WriteListener>;
}

/** The images of one test host, by path. What differs between hosts differs here too: nothing is shared. */
export class Images {
  readonly #images = new Map<string, Image>();

  get(path: string): Image | undefined {
    return this.#images.get(path);
  }

  /** The image at that path; made when it is not there, with content that its path decides. */
  open(path: string, capacityBytes: bigint): Image {
    const found = this.#images.get(path);
    if (found !== undefined) return found;
    const image = this.make(path, capacityBytes);
    const seed = createHash("sha256").update(path).digest();
    for (let at = 0; at < KEPT_BYTES; at += seed.length) image.content.set(seed, at);
    return image;
  }

  /** A new image of zeros. */
  make(path: string, capacityBytes: bigint): Image {
    const image: Image = { path, capacityBytes, content: Buffer.alloc(KEPT_BYTES), listeners: new Set() };
    this.#images.set(path, image);
    return image;
  }

  remove(path: string): void {
    this.#images.delete(path);
  }

  /** What a guest writes; a mirror of the image hears of it. */
  write(path: string, offset: number, data: Uint8Array): void {
    const image = this.#images.get(path);
    if (image === undefined) throw new VirtError("FILE_NOT_FOUND", `the test host has no image ${path}`);
    if (offset < 0 || offset + data.length > KEPT_BYTES) {
      throw new VirtError(
        "INVALID_FIELD",
        `a test image keeps ${KEPT_BYTES} bytes, ${offset} + ${data.length} is outside`,
      );
    }
    image.content.set(data, offset);
    for (const listener of [...image.listeners]) listener(offset, data);
  }

  paths(): string[] {
    return [...this.#images.keys()].sort();
  }
}
