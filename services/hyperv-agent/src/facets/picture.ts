import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A PNG of pixels of 16 bits, five red, six green, five blue, the lower byte first. @throws RangeError for too few of them */
export function pngOfRgb565(pixels: Buffer, width: number, height: number): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  let at = 0;
  for (let y = 0; y < height; y++) {
    // Each row begins with the filter that it was put through: none.
    at += 1;
    for (let x = 0; x < width; x++) {
      const pixel = pixels.readUInt16LE((y * width + x) * 2);
      rows[at++] = scaled(pixel >> 11, 31);
      rows[at++] = scaled((pixel >> 5) & 63, 63);
      rows[at++] = scaled(pixel & 31, 31);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  // Eight bits a sample, three samples a pixel.
  header.set([8, 2], 8);
  return Buffer.concat([
    ...[SIGNATURE, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))],
  ]);
}

function scaled(value: number, most: number): number {
  return Math.round((value * 255) / most);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [size, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  size.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([size, body, check]);
}
