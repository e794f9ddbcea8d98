import { numbersOf, rangesOf } from "./numbers.ts";

describe("a list of numbers", () => {
  it.each([
    ["3", [3], ["3"]],
    ["0-2", [0, 1, 2], ["0-2"]],
    ["0-4,^2", [0, 1, 3, 4], ["0-1", "3-4"]],
    ["8, 1-2", [1, 2, 8], ["1-2", "8"]],
    ["5,4,3", [3, 4, 5], ["3-5"]],
  ])("%s", (list, numbers, ranges) => {
    expect(numbersOf(list)).toEqual(numbers);
    expect(rangesOf(list)).toEqual(ranges);
  });
});
