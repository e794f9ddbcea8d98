import fc from "fast-check";
import { makeSector, readSector, SECTOR } from "./sector.ts";

const tags = fc.record({
  sequence: fc.nat(2 ** 40),
  offset: fc.nat(2 ** 32).map((n) => n * SECTOR),
  writer: fc.nat(7),
});

describe("a sector of the guest's writer", () => {
  it("says who wrote it, when and where", () => {
    fc.assert(fc.property(tags, (tag) => expect(readSector(makeSector(tag))).toEqual(tag)));
  });

  it("is not taken for whole after any bit of it changed", () => {
    fc.assert(
      fc.property(tags, fc.nat(SECTOR * 8 - 1), (tag, bit) => {
        const sector = makeSector(tag);
        sector.writeUInt8(sector.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(readSector(sector)).toBeUndefined();
      }),
    );
  });
});
