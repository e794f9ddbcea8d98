import { type ErrorCode, VirtError } from "@virtmesh/core/errors";

/** What the exit status says, by kind of error. Documented in docs/command-line.md. */
export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  notFound: 3,
  precondition: 4,
  unreachable: 5,
  aborted: 6,
  permission: 7,
  unsupported: 8,
  deadline: 9,
  exhausted: 10,
} as const;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: EXIT.usage,
  OUT_OF_RANGE: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  ALREADY_EXISTS: EXIT.precondition,
  FAILED_PRECONDITION: EXIT.precondition,
  ABORTED: EXIT.aborted,
  CANCELLED: EXIT.aborted,
  UNAVAILABLE: EXIT.unreachable,
  PERMISSION_DENIED: EXIT.permission,
  UNAUTHENTICATED: EXIT.permission,
  UNIMPLEMENTED: EXIT.unsupported,
  DEADLINE_EXCEEDED: EXIT.deadline,
  RESOURCE_EXHAUSTED: EXIT.exhausted,
  INTERNAL: EXIT.other,
};

/** The exit status for an error. Nothing was undone when a guest is busy or its definition changed: that is a wrong state. */
export function exitCodeOf(error: unknown): number {
  if (!VirtError.is(error)) return EXIT.other;
  if (error.reason === "DOMAIN_BUSY" || error.reason === "ETAG_MISMATCH") return EXIT.precondition;
  return BY_CODE[error.code];
}
