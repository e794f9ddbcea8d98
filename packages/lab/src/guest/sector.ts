/** The sectors that the test guest's writers write: numbered, tagged with their place, checksummed (worker.c). */
export const SECTOR = 512;

const MAGIC = Buffer.from("VIRTMESH", "latin1");
const WORDS = SECTOR / 4;
const CHECKSUM_WORD = 7;

export interface SectorTag {
  readonly sequence: number;
  readonly offset: number;
  readonly writer: number;
}

/** The sector as the guest makes it. */
export function makeSector(tag: SectorTag): Buffer {
  const sector = Buffer.alloc(SECTOR);
  MAGIC.copy(sector);
  sector.writeBigUInt64LE(BigInt(tag.sequence), 8);
  sector.writeBigUInt64LE(BigInt(tag.offset), 16);
  sector.writeUInt32LE(tag.writer, 24);
  let x = (Math.imul(tag.sequence % 2 ** 32, 0x9e3779b1) ^ (tag.offset / SECTOR) ^ 0x5bd1e995) >>> 0;
  for (let i = CHECKSUM_WORD + 1; i < WORDS; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    sector.writeUInt32LE(x >>> 0, i * 4);
  }
  sector.writeUInt32LE(checksum(sector), CHECKSUM_WORD * 4);
  return sector;
}

/** What a sector says of itself; undefined when no writer wrote it, or it is damaged. */
export function readSector(sector: Buffer): SectorTag | undefined {
  if (MAGIC.compare(sector, 0, MAGIC.length) !== 0) return undefined;
  if (sector.readUInt32LE(CHECKSUM_WORD * 4) !== checksum(sector)) return undefined;
  return {
    sequence: Number(sector.readBigUInt64LE(8)),
    offset: Number(sector.readBigUInt64LE(16)),
    writer: sector.readUInt32LE(24),
  };
}

/** FNV-1a over the 32-bit words, without the checksum's own. */
function checksum(sector: Buffer): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < WORDS; i++) {
    if (i !== CHECKSUM_WORD) h = Math.imul(h ^ sector.readUInt32LE(i * 4), 16777619);
  }
  return h >>> 0;
}
