import fc from "fast-check";
import { formatPosition, parsePosition } from "./position.ts";

describe("position of the outbox", () => {
  it("reads back what was written", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string(), (next, lastSentId) => {
        expect(parsePosition(formatPosition({ next, lastSentId }))).toEqual({ next, lastSentId });
      }),
    );
  });

  it("takes no other text", () => {
    expect(parsePosition("")).toBeUndefined();
    expect(parsePosition("next 12")).toBeUndefined();
    expect(parsePosition('next 12 last "x\n')).toBeUndefined();
  });
});
