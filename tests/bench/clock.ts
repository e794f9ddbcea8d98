/** `performance.now()` of a moment that another process told in milliseconds of CLOCK_MONOTONIC. */
export function monotonic(otherMs: number): number {
  return otherMs + OFFSET;
}

const OFFSET = performance.now() - Number(process.hrtime.bigint()) / 1e6;
