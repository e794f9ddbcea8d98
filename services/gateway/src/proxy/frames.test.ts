import fc from "fast-check";
import { frame, FrameReader } from "./frames.ts";

describe("FrameReader", () => {
  it("gives back the messages, however the wire cuts them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }),
        (messages, cuts) => {
          const wire = Buffer.concat(messages.map(frame));
          const reader = new FrameReader(1000);
          const read: Buffer[] = [];
          for (let at = 0, i = 0; at < wire.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            read.push(...reader.push(wire.subarray(at, at + size)));
            at += size;
          }
          expect(read.map((m) => [...m])).toEqual(messages.map((m) => [...m]));
          expect(reader.partial).toBe(false);
        },
      ),
    );
  });

  it("knows that a message was cut off", () => {
    const reader = new FrameReader(1000);
    reader.push(frame(Buffer.from("hello")).subarray(0, 7));
    expect(reader.partial).toBe(true);
  });

  it("refuses a message that is too long before it arrives", () => {
    const reader = new FrameReader(10);
    expect(() => reader.push(frame(Buffer.alloc(11)).subarray(0, 5))).toThrow("at most 10 pass");
  });

  it("refuses a compressed message", () => {
    expect(() => new FrameReader(10).push(Buffer.from([1, 0, 0, 0, 0]))).toThrow("compressed");
  });
});
