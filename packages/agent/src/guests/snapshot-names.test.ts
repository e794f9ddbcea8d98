import { freshSnapshotName } from "./snapshot-names.ts";

describe("the name of a snapshot that was given none", () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_700_000_000_500 }));
  afterEach(() => jest.useRealTimers());

  it("is the time, and one that nobody has", () => {
    expect(freshSnapshotName([])).toBe("1700000000");
    expect(freshSnapshotName(["1700000000", "1700000001", "other"])).toBe("1700000002");
  });
});
