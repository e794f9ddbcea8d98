import { VirtError } from "@virtmesh/core/errors";
import type { Fields, FieldValue } from "./fields.ts";

export interface OrderTerm<T> {
  readonly field: string;
  readonly descending: boolean;
  readonly read: (item: T) => FieldValue;
}

/**
 * An order of AIP-132: fields with commas between, each perhaps followed by `desc` (or `asc`). Throws
 * INVALID_FIELD naming the fields there are.
 */
export function parseOrder<T>(orderBy: string, fields: Fields<T>): OrderTerm<T>[] {
  if (orderBy.trim() === "") return [];
  return orderBy.split(",").map((term) => {
    const [name = "", direction, ...more] = term.trim().split(/\s+/);
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field)
      throw invalid(`there is no field "${name}" to order by, there are ${Object.keys(fields).join(", ")}`);
    if (more.length > 0 || (direction !== undefined && direction !== "desc" && direction !== "asc")) {
      throw invalid(`after "${name}" only "desc" or "asc" may stand, as in "${name} desc"`);
    }
    return { field: name, descending: direction === "desc", read: (item) => single(field.read(item)) };
  });
}

function single(value: FieldValue | readonly string[]): FieldValue {
  return typeof value === "object" ? value.join(",") : value;
}

/** Texts by code point, numbers by size, false before true. */
export function compareValues(a: FieldValue, b: FieldValue): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function invalid(what: string): VirtError {
  return new VirtError("INVALID_FIELD", `the order cannot be understood: ${what}`, {
    violations: [{ field: "order_by", description: what }],
  });
}
