import fc from "fast-check";
import { countFrames, encodeFrame, HEADER_BYTES, MAX_PAYLOAD_BYTES, readFrame } from "./frame.ts";

const payload = fc.uint8Array({ minLength: 1, maxLength: 300 });
const payloads = fc.array(payload, { maxLength: 20 });

function join(items: readonly Uint8Array[]): Buffer {
  return Buffer.concat(items.map(encodeFrame));
}

function readAll(buffer: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = [];
  let at = 0;
  for (let r = readFrame(buffer, at); r.kind === "frame"; r = readFrame(buffer, at)) {
    items.push(r.payload);
    at = r.end;
  }
  return items;
}

describe("outbox frames", () => {
  it("reads back what was written", () => {
    fc.assert(
      fc.property(payloads, (items) => {
        expect(readAll(join(items)).map((p) => Buffer.from(p).toString("hex"))).toEqual(
          items.map((p) => Buffer.from(p).toString("hex")),
        );
      }),
    );
  });

  it("finds the whole frames before a cut anywhere", () => {
    fc.assert(
      fc.property(payloads, fc.nat(), (items, cut) => {
        const whole = join(items);
        const at = whole.length === 0 ? 0 : cut % whole.length;
        const { count, end } = countFrames(whole.subarray(0, at));
        expect(end).toBe(join(items.slice(0, count)).length);
        expect(end).toBeLessThanOrEqual(at);
        const next = items[count];
        if (next) expect(end + HEADER_BYTES + next.length).toBeGreaterThan(at);
      }),
    );
  });

  it("never gives a frame in which a bit was turned", () => {
    fc.assert(
      fc.property(payload, fc.nat(), (item, place) => {
        const frame = encodeFrame(item);
        const bit = place % (frame.length * 8);
        frame[bit >> 3] = (frame[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(readFrame(frame, 0).kind).not.toBe("frame");
      }),
    );
  });

  it("takes zeros for damage, not for records", () => {
    expect(countFrames(new Uint8Array(4096))).toEqual({ count: 0, end: 0 });
    expect(readFrame(new Uint8Array(4096), 0)).toEqual({ kind: "damaged" });
  });

  it("says how many bytes it needs when the buffer ends early", () => {
    expect(readFrame(encodeFrame(new Uint8Array(100).fill(1)).subarray(0, 50), 0)).toEqual({
      kind: "short",
      needs: 108,
    });
    expect(readFrame(new Uint8Array(3), 0)).toEqual({ kind: "short", needs: 8 });
  });

  it("takes a length beyond the limit for damage", () => {
    const frame = encodeFrame(new Uint8Array(10).fill(1));
    frame.writeUInt32LE(MAX_PAYLOAD_BYTES + 1, 0);
    expect(readFrame(frame, 0)).toEqual({ kind: "damaged" });
  });
});
