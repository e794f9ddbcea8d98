import fc from "fast-check";
import { median, quantile, round, spread, table } from "./statistics.ts";

/** Not -0: sorting does not tell it from 0, and no measurement gives it. */
const sample = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => value + 0);
const samples = fc.array(sample, { minLength: 1, maxLength: 40 });

describe("the statistics of the benchmarks", () => {
  it("take the middle value of an odd number of samples", () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it("take the mean of the two middle values of an even number of samples", () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  it("have no middle of nothing", () => {
    expect(median([])).toBeNaN();
    expect(quantile([], 0.5)).toBeNaN();
    expect(spread([])).toBe("-");
  });

  it("put as many samples below the median as above it, whatever their order", () => {
    fc.assert(
      fc.property(samples, (values) => {
        const middle = median(values);
        const below = values.filter((v) => v < middle).length;
        const above = values.filter((v) => v > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
        expect(median(values.toReversed())).toBe(middle);
      }),
    );
  });

  it("give quantiles that are samples and never fall", () => {
    fc.assert(
      fc.property(samples, (values) => {
        const quantiles = [0, 0.25, 0.5, 0.9, 0.99, 1].map((q) => quantile(values, q));
        for (const q of quantiles) expect(values).toContain(q);
        expect(quantiles).toEqual(quantiles.toSorted((a, b) => a - b));
      }),
    );
  });

  it("leave the samples in their order", () => {
    const values = [3, 1, 2];
    median(values);
    quantile(values, 0.9);
    expect(values).toEqual([3, 1, 2]);
  });

  it("round to so many digits", () => {
    expect(round(1.2345, 2)).toBe(1.23);
    expect(round(7.06)).toBe(7.1);
  });

  it("show the least, the middle and the greatest value", () => {
    expect(spread([5, 1, 3], 0)).toBe("1 / 3 / 5");
  });

  it("line columns up, and end no line with blanks", () => {
    expect(
      table([
        ["", "total"],
        ["virtmesh", "1"],
        ["floor", "22"],
      ]),
    ).toBe(["          total", "virtmesh  1", "floor     22"].join("\n"));
  });
});
