import { parseSize } from "./sizes.ts";

describe("a size on the command line", () => {
  it.each([
    ["524288", 512n << 20n],
    ["512M", 512n << 20n],
    ["2GiB", 2n << 30n],
    ["2 GB", 2_000_000_000n],
    ["4096b", 4096n],
  ])("%s is %s bytes", (text, bytes) => expect(parseSize("the size", text)).toBe(bytes));

  it("is one of bytes where that is usual", () => {
    expect(parseSize("the capacity", "4096", "B")).toBe(4096n);
    expect(parseSize("the capacity", "1G", "B")).toBe(1n << 30n);
    expect(() => parseSize("the capacity", "x", "B")).toThrow("must be a whole number of bytes");
  });

  it.each(["", "much", "1.5G", "-1", "5 parsecs"])("%j is refused with what it could be", (text) => {
    expect(() => parseSize("the size", text)).toThrow("the size must be a whole number of KiB");
  });
});
