import fc from "fast-check";
import { durationMs, durationOf, enumWord, formatBytes, formatMs } from "./units.ts";

describe("amounts for people", () => {
  it.each([
    [0n, "0 B"],
    [1023n, "1023 B"],
    [1024n, "1.0 KiB"],
    [1536n, "1.5 KiB"],
    [10n * 1024n ** 2n, "10 MiB"],
    [1024n ** 3n - 1n, "1.0 GiB"],
    [2n ** 64n - 1n, "16 EiB"],
  ])("says %s bytes as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0, "0 ms"],
    [250, "250 ms"],
    [4_200, "4.2 s"],
    [59_960, "1 min 00 s"],
    [185_000, "3 min 05 s"],
    [7_380_000, "2 h 03 min"],
  ])("says %s milliseconds as %s", (ms, text) => expect(formatMs(ms)).toBe(text));

  it("reads an enum's name as a word", () => {
    expect(enumWord("MIGRATION_PHASE_COPYING_DISKS", "MIGRATION_PHASE_")).toBe("copying disks");
  });

  it("turns milliseconds into a Duration and back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (ms) => {
        const duration = durationOf(ms);
        expect(durationMs(duration)).toBe(ms);
        expect(duration.nanos).toBeGreaterThanOrEqual(0);
        expect(duration.nanos).toBeLessThan(1e9);
      }),
    );
  });
});
