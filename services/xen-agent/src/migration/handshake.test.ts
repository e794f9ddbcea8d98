import fc from "fast-check";
import { BANNER, bytesBeforeMemory, READY, ReceiverWords } from "./handshake.ts";

describe("what a receiving xl says", () => {
  it("is heard once each, however the stream is cut", () => {
    const speech = Buffer.concat([BANNER, READY]);
    fc.assert(
      fc.property(fc.array(fc.nat(speech.length)), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), speech.length];
        const words = new ReceiverWords();
        const heard = places.slice(1).flatMap((end, i) => words.take(speech.subarray(places[i], end)));
        expect(heard).toEqual(["banner", "ready"]);
      }),
    );
  });

  it.each([
    ["something else", Buffer.from("ssh: connect to host")],
    ["more than it has to say", Buffer.concat([BANNER, READY, Buffer.from("x")])],
  ])("is not %s", (_what, bytes) => {
    expect(() => new ReceiverWords().take(bytes)).toThrow(RangeError);
  });
});

it("a sending xl says how long its definition is before it sends any memory", () => {
  const header = Buffer.alloc(48);
  header.writeUInt32LE(929, 44);
  expect(bytesBeforeMemory(header.subarray(0, 47))).toBeUndefined();
  expect(bytesBeforeMemory(Buffer.concat([header, Buffer.alloc(3)]))).toBe(977 + 16 + 8);
});
