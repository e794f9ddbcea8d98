import { prefixOf } from "./guest-info.ts";

it.each([
  ["255.255.255.0", 24],
  ["255.255.254.0", 23],
  ["0.0.0.0", 0],
  ["64", 64],
  ["/64", 64],
  [undefined, 0],
])("the subnet %s has a prefix of %d bits", (subnet, bits) => {
  expect(prefixOf(subnet)).toBe(bits);
});
