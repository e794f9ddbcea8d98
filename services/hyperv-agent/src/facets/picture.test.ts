import { inflateSync } from "node:zlib";
import { pngOfRgb565 } from "./picture.ts";

it("a picture of 16 bits a pixel becomes a PNG", () => {
  const pixels = Buffer.alloc(8);
  [0xf800, 0x07e0, 0x001f, 0xffff].forEach((pixel, i) => pixels.writeUInt16LE(pixel, i * 2));
  const png = pngOfRgb565(pixels, 2, 2);
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  const data = png.indexOf("IDAT");
  const size = png.readUInt32BE(data - 4);
  expect([...inflateSync(png.subarray(data + 4, data + 4 + size))]).toEqual([
    ...[0, 255, 0, 0, 0, 255, 0],
    ...[0, 0, 0, 255, 255, 255, 255],
  ]);
});
