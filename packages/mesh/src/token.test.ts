import fc from "fast-check";
import { formatToken, parseToken, resume } from "./token.ts";

const hex = fc.stringMatching(/^[0-9a-f]{8}$/);
const place = { stream: "0badcafe", sequence: 10, check: "12345678" };
const extent = { stream: "0badcafe", first: 1, last: 20, check: "12345678" };

describe("resume token", () => {
  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(hex, fc.maxSafeNat(), fc.constantFrom("", "00c0ffee"), (stream, sequence, check) => {
        expect(parseToken(formatToken({ stream, sequence, check }))).toEqual({ stream, sequence, check });
      }),
    );
  });

  it("refuses any other text", () => {
    fc.assert(
      fc.property(
        fc.string().filter((s) => !s.startsWith("v1.")),
        (text) => {
          expect(() => parseToken(text)).toThrow("is not a resume token");
        },
      ),
    );
  });
});

describe("resume", () => {
  it("goes on with the next event", () => {
    expect(resume(place, extent)).toEqual({ from: 11, gap: undefined });
  });

  it("goes on at the end of the stream", () => {
    expect(resume({ ...place, sequence: 20 }, extent)).toEqual({ from: 21, gap: undefined });
  });

  it("is whole when just the event before the first one kept was seen", () => {
    expect(resume(place, { ...extent, first: 11, check: undefined }).gap).toBeUndefined();
  });

  it("tells a gap when the next event was purged, and goes on with the first one kept", () => {
    expect(resume(place, { ...extent, first: 15, check: undefined })).toEqual({
      from: 15,
      gap: "events up to number 14 are not kept any more",
    });
  });

  it("tells a gap when the stream is another one", () => {
    expect(resume(place, { ...extent, stream: "ffffffff" })).toMatchObject({
      from: 1,
      gap: expect.any(String),
    });
  });

  it("begins with the first event of a new stream that is empty yet", () => {
    expect(resume(place, { stream: "ffffffff", first: 0, last: 0, check: undefined })).toMatchObject({
      from: 1,
      gap: expect.any(String),
    });
  });

  it("tells a gap when the stream ends before the place", () => {
    expect(resume(place, { ...extent, last: 7, check: undefined })).toMatchObject({
      from: 8,
      gap: expect.any(String),
    });
  });

  it("tells a gap when another event has the place's number, and gives that one", () => {
    expect(resume(place, { ...extent, check: "87654321" })).toMatchObject({
      from: 10,
      gap: expect.any(String),
    });
  });
});
