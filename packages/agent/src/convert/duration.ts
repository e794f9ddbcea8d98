import type { Duration } from "@virtmesh/api/gen/google/protobuf/duration";
import { VirtError } from "@virtmesh/core/errors";

/** Milliseconds of a duration; undefined when it is unset or 0. Throws INVALID_FIELD for a negative one. */
export function millisecondsOf(duration: Duration | undefined, field: string): number | undefined {
  if (duration === undefined) return undefined;
  const ms = Number(duration.seconds) * 1000 + duration.nanos / 1_000_000;
  if (ms < 0 || !Number.isFinite(ms)) {
    throw new VirtError("INVALID_FIELD", `${field} must not be negative`, {
      violations: [{ field, description: "must not be negative" }],
    });
  }
  return ms === 0 ? undefined : ms;
}
