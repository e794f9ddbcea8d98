/** The canonical gRPC codes that a VirtError can have (google.rpc.Code by name). */
export type ErrorCode =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "UNIMPLEMENTED"
  | "RESOURCE_EXHAUSTED"
  | "PERMISSION_DENIED"
  | "UNAUTHENTICATED"
  | "DEADLINE_EXCEEDED"
  | "CANCELLED"
  | "UNAVAILABLE"
  | "OUT_OF_RANGE"
  | "INTERNAL";

/**
 * Every reason an error of virtmesh can have, with its code: the stable names that clients may test
 * (`google.rpc.ErrorInfo.reason`, domain "virtmesh").
 */
export const REASONS = {
  // What was asked is malformed.
  XML_SYNTAX: "INVALID_ARGUMENT",
  XML_LIMIT: "INVALID_ARGUMENT",
  XML_FORBIDDEN: "INVALID_ARGUMENT",
  XML_INVALID: "INVALID_ARGUMENT",
  XML_UNKNOWN: "INVALID_ARGUMENT",
  CONFIG_UNSUPPORTED: "INVALID_ARGUMENT",
  CONFIG_INVALID: "INVALID_ARGUMENT",
  INVALID_URI: "INVALID_ARGUMENT",
  INVALID_NAME: "INVALID_ARGUMENT",
  INVALID_FIELD: "INVALID_ARGUMENT",
  INVALID_FILTER: "INVALID_ARGUMENT",
  INVALID_PAGE_TOKEN: "INVALID_ARGUMENT",
  REQUEST_ID_REUSED: "INVALID_ARGUMENT",
  // It is not there, or there already.
  NOT_FOUND: "NOT_FOUND",
  DOMAIN_NOT_FOUND: "NOT_FOUND",
  OPERATION_NOT_FOUND: "NOT_FOUND",
  MIGRATION_NOT_FOUND: "NOT_FOUND",
  JOB_NOT_FOUND: "NOT_FOUND",
  DEVICE_NOT_FOUND: "NOT_FOUND",
  SNAPSHOT_NOT_FOUND: "NOT_FOUND",
  FILE_NOT_FOUND: "NOT_FOUND",
  POOL_NOT_FOUND: "NOT_FOUND",
  VOLUME_NOT_FOUND: "NOT_FOUND",
  UNKNOWN_SCHEME: "NOT_FOUND",
  UNKNOWN_HOST: "NOT_FOUND",
  ALREADY_EXISTS: "ALREADY_EXISTS",
  DOMAIN_EXISTS: "ALREADY_EXISTS",
  DEVICE_EXISTS: "ALREADY_EXISTS",
  SNAPSHOT_EXISTS: "ALREADY_EXISTS",
  VOLUME_EXISTS: "ALREADY_EXISTS",
  // The state is not one in which that can be done.
  AMBIGUOUS_HOST: "FAILED_PRECONDITION",
  WRONG_STATE: "FAILED_PRECONDITION",
  DOMAIN_RUNNING: "FAILED_PRECONDITION",
  DOMAIN_NOT_RUNNING: "FAILED_PRECONDITION",
  DOMAIN_TRANSIENT: "FAILED_PRECONDITION",
  RUN_TOKEN_ELSEWHERE: "FAILED_PRECONDITION",
  MIGRATION_BLOCKED: "FAILED_PRECONDITION",
  ABI_MISMATCH: "FAILED_PRECONDITION",
  CONSOLE_BUSY: "FAILED_PRECONDITION",
  DISK_IN_USE: "FAILED_PRECONDITION",
  GUEST_REFUSED: "FAILED_PRECONDITION",
  NO_FREE_SLOT: "FAILED_PRECONDITION",
  HOST_SETUP: "FAILED_PRECONDITION",
  HOST_CORDONED: "FAILED_PRECONDITION",
  ETAG_MISMATCH: "ABORTED",
  DOMAIN_BUSY: "ABORTED",
  OPERATION_ABORTED: "ABORTED",
  MIGRATION_FAILED: "ABORTED",
  DRAIN_INCOMPLETE: "ABORTED",
  GUEST_LOST: "ABORTED",
  UNSUPPORTED: "UNIMPLEMENTED",
  LIMIT_REACHED: "RESOURCE_EXHAUSTED",
  NO_SPACE: "RESOURCE_EXHAUSTED",
  SLOW_READER: "RESOURCE_EXHAUSTED",
  NOT_AUTHENTICATED: "UNAUTHENTICATED",
  NOT_PERMITTED: "PERMISSION_DENIED",
  DEADLINE: "DEADLINE_EXCEEDED",
  CANCELLED: "CANCELLED",
  // Something that is needed does not answer.
  HOST_GONE: "UNAVAILABLE",
  PEER_LOST: "UNAVAILABLE",
  HYPERVISOR_UNRESPONSIVE: "UNAVAILABLE",
  GUEST_AGENT_SILENT: "UNAVAILABLE",
  RUN_TOKEN_UNREACHABLE: "UNAVAILABLE",
  EVENTS_UNAVAILABLE: "UNAVAILABLE",
  SHUTTING_DOWN: "UNAVAILABLE",
  // It went wrong below us.
  HYPERVISOR_FAILED: "INTERNAL",
  PROTOCOL: "INTERNAL",
  INTERNAL: "INTERNAL",
} as const satisfies Record<string, ErrorCode>;

export type Reason = keyof typeof REASONS;

export interface FieldViolation {
  /** Path of the field: `xml`, `disks[0].target`, or a place in a document: `/domain/devices/disk[2] (line 14)`. */
  readonly field: string;
  readonly description: string;
}

/** One thing in the way (google.rpc.PreconditionFailure.Violation). */
export interface PreconditionViolation {
  readonly type: string;
  readonly subject: string;
  readonly description: string;
}

/** What an error carries beside its message; becomes the google.rpc details that fit. */
export interface ErrorContext {
  /** Facts by name for programs: `host`, `domain`, `device`, `line`, ... */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly resource?: { readonly type: string; readonly name: string };
  readonly violations?: readonly FieldViolation[];
  readonly preconditions?: readonly PreconditionViolation[];
  readonly retryAfterMs?: number;
}

const BRAND = Symbol.for("virtmesh.VirtError");

/**
 * The only error that leaves a driver, a service or a package. `message` is one sentence without a full stop
 * that names the guest, the device and what the hypervisor said, and the remedy where there is one; the cause
 * is kept for the log and its text is not repeated.
 */
export class VirtError extends Error {
  readonly reason: Reason;
  readonly context: ErrorContext;
  readonly [BRAND] = true;

  constructor(reason: Reason, message: string, context: ErrorContext = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = "VirtError";
    this.reason = reason;
    this.context = context;
  }

  get code(): ErrorCode {
    return REASONS[this.reason];
  }

  /** By brand, since `instanceof` fails between two copies of this module (test runners make them). */
  static is(e: unknown): e is VirtError {
    return typeof e === "object" && e !== null && BRAND in e;
  }

  /** Anything thrown, as a VirtError; what is not one becomes INTERNAL with its text kept as cause only. */
  static from(e: unknown): VirtError {
    if (VirtError.is(e)) return e;
    if (nameOf(e) === "AbortError")
      return new VirtError("CANCELLED", "the call was cancelled", {}, { cause: e });
    return new VirtError(
      "INTERNAL",
      "an internal error, see the log of the process that answered",
      {},
      { cause: e },
    );
  }
}

/** A text for logs and reports out of anything thrown. */
export function messageOf(e: unknown): string {
  return typeof e === "object" && e !== null && "message" in e ? String(e.message) : String(e);
}

/** Not by `instanceof`, which fails for errors of another realm: test runners give each file its own. */
function nameOf(e: unknown): string {
  return typeof e === "object" && e !== null && "name" in e ? String(e.name) : "";
}

/** The code of a failed system call, as `ENOENT`; by shape, since such errors may come from another realm than ours. */
export function systemCode(e: unknown): string | undefined {
  const code: unknown = typeof e === "object" && e !== null && "code" in e ? e.code : undefined;
  return typeof code === "string" ? code : undefined;
}
