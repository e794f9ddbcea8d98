import { VirtError } from "@virtmesh/core/errors";

const BLOCK_LIMIT = 8 * 1024 * 1024;

/** Undoes LZ4's legacy frame, the form of a kernel's payload (lz4_Frame_format.md and lz4_Block_format.md of LZ4). */
export function decompressLz4Legacy(frame: Buffer): Buffer {
  const blocks: Buffer[] = [];
  // The kernel's build appends the unpacked size, which is not a block.
  for (let at = 4; at + 4 < frame.length; ) {
    const length = frame.readUInt32LE(at);
    at += 4;
    blocks.push(decompressBlock(frame.subarray(at, at + length)));
    at += length;
  }
  return Buffer.concat(blocks);
}

/** One LZ4 block: runs of literals, each followed by a copy of something already written. */
export function decompressBlock(block: Buffer, limit = BLOCK_LIMIT): Buffer {
  const out = Buffer.allocUnsafe(limit);
  let read = 0;
  let written = 0;
  const length = (nibble: number): number => {
    let total = nibble;
    if (nibble === 15) {
      let more: number;
      do {
        more = block[read++] ?? 0;
        total += more;
      } while (more === 255);
    }
    return total;
  };
  while (read < block.length) {
    const token = block[read++] ?? 0;
    const literals = length(token >> 4);
    if (written + literals > limit) throw malformed();
    block.copy(out, written, read, read + literals);
    read += literals;
    written += literals;
    if (read >= block.length) break;
    const distance = block.readUInt16LE(read);
    read += 2;
    const copied = length(token & 15) + 4;
    if (distance === 0 || distance > written || written + copied > limit) throw malformed();
    // The copy may overlap what it writes: a run repeats itself.
    for (let left = copied; left > 0; ) {
      const step = Math.min(left, distance);
      out.copy(out, written, written - distance, written - distance + step);
      written += step;
      left -= step;
    }
  }
  return Buffer.from(out.subarray(0, written));
}

function malformed(): VirtError {
  return new VirtError(
    "HOST_SETUP",
    "the kernel's LZ4 payload is damaged; remove .cache/guest and build it again",
  );
}
