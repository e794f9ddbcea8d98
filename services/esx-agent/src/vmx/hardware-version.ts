/** The newest virtual hardware that a version of ESX has (VMware's KB 1003746). */
const NEWEST: readonly (readonly [product: string, hardware: number])[] = [
  ["8.0", 20],
  ["7.0", 17],
  ["6.7", 14],
  ["6.5", 13],
  ["6.0", 11],
  ["5.5", 10],
  ["5.1", 9],
  ["5.0", 8],
  ["4", 7],
];

/** What older servers can run too. */
const OLDEST = 4;

export function hardwareVersionOf(product: string): number {
  const [, newest = OLDEST] = NEWEST.find(([version]) => product.startsWith(version)) ?? [];
  return newest;
}
