import { transferLine } from "./transfer.ts";

describe("how far a transfer is", () => {
  it.each([
    [
      512n << 20n,
      1n << 30n,
      80,
      "a.iso  [####################....................]   50.0 %  512 MiB of 1.0 GiB",
    ],
    [512n << 20n, 1n << 30n, 40, "a.iso   50.0 %  512 MiB of 1.0 GiB"],
    [0n, 0n, 40, "a.iso  [########]  100.0 %  0 B of 0 B"],
    [3n << 20n, undefined, 80, "a.iso  3.0 MiB"],
  ])("is drawn at %s of %s bytes in %s columns", (done, total, width, line) => {
    expect(transferLine("a.iso", done, total, width)).toBe(line);
  });
});
