import { firstDifference, type Order } from "./canonical.ts";
import { fail, type Outcome } from "./suite.ts";

/** A case that passes when `written` says the same as `expected`; its schema is checked as well. */
export function rewritten(
  expected: string,
  written: string,
  schema: string,
  order: Order = "counts",
): Outcome {
  const difference = firstDifference(expected, written, order);
  return difference === undefined ? { kind: "pass", written: { schema, xml: written } } : fail(difference);
}
