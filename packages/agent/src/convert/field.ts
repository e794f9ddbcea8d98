import { VirtError } from "@virtmesh/core/errors";

export function invalidField(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field} ${description}`, { violations: [{ field, description }] });
}

/** A number that a later version of the contract may give a meaning: not to be taken for another. */
export function unknownValue(field: string, value: unknown): VirtError {
  return invalidField(field, `has no value ${String(value)}`);
}

/** A field that must be set. Throws INVALID_FIELD naming it. */
export function requireText(field: string, value: string): string {
  if (value === "") throw invalidField(field, "must not be empty");
  return value;
}

/** A path on this host: whose current folder nobody knows, so it must be absolute. */
export function requirePath(field: string, value: string): string {
  if (!requireText(field, value).startsWith("/") || value.includes("\0")) {
    throw invalidField(field, `must be an absolute path on the guest's host, not "${value}"`);
  }
  return value;
}
