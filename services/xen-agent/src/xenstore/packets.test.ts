import fc from "fast-check";
import { encodePacket, type Packet, PACKET, PacketReader, strings, textsIn } from "./packets.ts";

const packet = fc.record({
  type: fc.nat(20),
  request: fc.nat(),
  transaction: fc.nat(),
  body: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
});

describe("packets of XenStore", () => {
  it("are read however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(packet), fc.array(fc.nat(400)), (packets: readonly Packet[], cuts) => {
        const bytes = Buffer.concat(packets.map(encodePacket));
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const reader = new PacketReader();
        const read = places.slice(1).flatMap((end, i) => [...reader.read(bytes.subarray(places[i], end))]);
        expect(read).toEqual(packets);
      }),
    );
  });

  it("are written with a header of four little-endian numbers", () => {
    const bytes = encodePacket({ type: PACKET.read, request: 7, transaction: 0, body: strings("/local") });
    expect(bytes.toString("hex")).toBe("02000000070000000000000007000000" + "2f6c6f63616c00");
  });

  it("that are longer than any can be are not XenStore's", () => {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(4097, 12);
    expect(() => new PacketReader().read(header)).toThrow(RangeError);
  });

  it("hold texts with a zero behind each, or none", () => {
    expect(textsIn(strings("@releaseDomain", "token"))).toEqual(["@releaseDomain", "token"]);
    expect(textsIn(Buffer.alloc(0))).toEqual([]);
    expect(textsIn(Buffer.from("0\x001\x002"))).toEqual(["0", "1", "2"]);
  });
});
