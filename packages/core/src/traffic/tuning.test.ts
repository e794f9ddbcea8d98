import { lower, wantedBy, withinShare } from "./tuning.ts";

const tuning = (memoryBandwidth: bigint, diskBandwidth: bigint) => ({
  memoryBandwidth,
  diskBandwidth,
  maxDowntimeMs: 300,
});

describe("the limits of one migration", () => {
  it("want no more than its disks together, or its memory", () => {
    expect(wantedBy(tuning(100n, 40n), 2)).toBe(100n);
    expect(wantedBy(tuning(100n, 60n), 2)).toBe(120n);
    expect(wantedBy(tuning(100n, 0n), 0)).toBe(100n);
  });

  it("want all there is when one of them is open", () => {
    expect(wantedBy(tuning(0n, 60n), 2)).toBe(0n);
    expect(wantedBy(tuning(100n, 0n), 1)).toBe(0n);
  });

  it("keep within its share: disks that are copied at once divide it", () => {
    expect(withinShare(tuning(0n, 0n), 90n, 3)).toEqual(tuning(90n, 30n));
    expect(withinShare(tuning(50n, 20n), 90n, 3)).toEqual(tuning(50n, 20n));
    expect(withinShare(tuning(50n, 20n), 0n, 3)).toEqual(tuning(50n, 20n));
    expect(withinShare(tuning(0n, 0n), 2n, 3)).toEqual(tuning(2n, 1n));
  });

  it("bind where there are two, and 0 is none", () => {
    expect([lower(0n, 5n), lower(5n, 0n), lower(3n, 5n), lower(0n, 0n)]).toEqual([5n, 5n, 3n, 0n]);
  });
});
