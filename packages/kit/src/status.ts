import { Metadata, status as grpcStatus } from "@grpc/grpc-js";
import type { Any } from "@virtmesh/api/gen/google/protobuf/any";
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  ResourceInfo,
  RetryInfo,
} from "@virtmesh/api/gen/google/rpc/error_details";
import { Status } from "@virtmesh/api/gen/google/rpc/status";
import {
  type ErrorCode,
  type ErrorContext,
  messageOf,
  REASONS,
  type Reason,
  VirtError,
} from "@virtmesh/core/errors";

/** The domain of every `google.rpc.ErrorInfo` that virtmesh makes. */
export const ERROR_DOMAIN = "virtmesh";
const DETAILS_KEY = "grpc-status-details-bin";
const TYPE_URL = "type.googleapis.com/";
/** Trailers have to fit into one HTTP/2 header block; most peers take 16 KiB, of which base64 eats a third. */
const MAX_DETAILS_BYTES = 8192;
const MAX_MESSAGE_CHARS = 2048;
const INTERNAL_TEXT = "an internal error, see the log of the process that answered";

const CODES = {
  INVALID_ARGUMENT: grpcStatus.INVALID_ARGUMENT,
  NOT_FOUND: grpcStatus.NOT_FOUND,
  ALREADY_EXISTS: grpcStatus.ALREADY_EXISTS,
  FAILED_PRECONDITION: grpcStatus.FAILED_PRECONDITION,
  ABORTED: grpcStatus.ABORTED,
  UNIMPLEMENTED: grpcStatus.UNIMPLEMENTED,
  RESOURCE_EXHAUSTED: grpcStatus.RESOURCE_EXHAUSTED,
  PERMISSION_DENIED: grpcStatus.PERMISSION_DENIED,
  UNAUTHENTICATED: grpcStatus.UNAUTHENTICATED,
  DEADLINE_EXCEEDED: grpcStatus.DEADLINE_EXCEEDED,
  CANCELLED: grpcStatus.CANCELLED,
  UNAVAILABLE: grpcStatus.UNAVAILABLE,
  OUT_OF_RANGE: grpcStatus.OUT_OF_RANGE,
  INTERNAL: grpcStatus.INTERNAL,
} as const satisfies Record<ErrorCode, grpcStatus>;

/** What a code alone says, for peers that are not virtmesh, and for reasons newer than this process. */
const REASON_OF_CODE: Readonly<Record<number, Reason>> = {
  [grpcStatus.INVALID_ARGUMENT]: "INVALID_FIELD",
  [grpcStatus.OUT_OF_RANGE]: "INVALID_FIELD",
  [grpcStatus.NOT_FOUND]: "NOT_FOUND",
  [grpcStatus.ALREADY_EXISTS]: "ALREADY_EXISTS",
  [grpcStatus.FAILED_PRECONDITION]: "WRONG_STATE",
  [grpcStatus.ABORTED]: "OPERATION_ABORTED",
  [grpcStatus.UNIMPLEMENTED]: "UNSUPPORTED",
  [grpcStatus.RESOURCE_EXHAUSTED]: "LIMIT_REACHED",
  [grpcStatus.PERMISSION_DENIED]: "NOT_PERMITTED",
  [grpcStatus.UNAUTHENTICATED]: "NOT_AUTHENTICATED",
  [grpcStatus.DEADLINE_EXCEEDED]: "DEADLINE",
  [grpcStatus.CANCELLED]: "CANCELLED",
  [grpcStatus.UNAVAILABLE]: "HOST_GONE",
};

/** What grpc-js says of a message over the limit: `size larger than 16777216`, `larger than max (17825846 vs. 16777216)`. */
const MESSAGE_TOO_LARGE = /larger than (?:max \(\d+ vs\.? )?(\d+)/;

/** A failed call as grpc-js takes it; `cause` stays in this process, for the log at the boundary. */
export interface ServiceFailure {
  readonly code: grpcStatus;
  readonly details: string;
  readonly metadata: Metadata;
  readonly cause: VirtError;
}

/** Anything thrown, as a gRPC status with its details. The text of an INTERNAL error stays here. */
export function toServiceError(e: unknown): ServiceFailure {
  const cause = VirtError.from(e);
  const status = toRpcStatus(cause);
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(Status.encode(status).finish()));
  return { code: CODES[cause.code], details: status.message, metadata, cause };
}

/** Anything thrown, as google.rpc.Status, for `Operation.error`. Small enough for a trailer. */
export function toRpcStatus(e: unknown): Status {
  const error = VirtError.from(e);
  const isInternal = error.reason === "INTERNAL";
  const message = isInternal ? INTERNAL_TEXT : shorten(error.message, MAX_MESSAGE_CHARS);
  const context: ErrorContext = isInternal ? {} : error.context;
  return { code: CODES[error.code], message, details: withinLimit(detailsOf(error.reason, context)) };
}

function detailsOf(reason: Reason, context: ErrorContext): Any[] {
  const details = [
    pack(
      "google.rpc.ErrorInfo",
      ErrorInfo.encode({ reason, domain: ERROR_DOMAIN, metadata: { ...context.metadata } }),
    ),
  ];
  if (context.resource !== undefined) {
    const { type, name } = context.resource;
    details.push(
      pack(
        "google.rpc.ResourceInfo",
        ResourceInfo.encode({ resourceType: type, resourceName: name, owner: "", description: "" }),
      ),
    );
  }
  if (context.retryAfterMs !== undefined) {
    const ms = Math.max(0, Math.round(context.retryAfterMs));
    const retryDelay = { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
    details.push(pack("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay })));
  }
  if (context.violations !== undefined && context.violations.length > 0) {
    const fieldViolations = context.violations.map(({ field, description }) => ({
      field,
      description,
      reason: "",
      localizedMessage: undefined,
    }));
    details.push(pack("google.rpc.BadRequest", BadRequest.encode({ fieldViolations })));
  }
  if (context.preconditions !== undefined && context.preconditions.length > 0) {
    const violations = context.preconditions.map((v) => ({ ...v }));
    details.push(pack("google.rpc.PreconditionFailure", PreconditionFailure.encode({ violations })));
  }
  return details;
}

/** Shortens or leaves out what does not fit. The reason always goes, if need be without its facts. */
function withinLimit(details: Any[]): Any[] {
  const kept: Any[] = [];
  let left = MAX_DETAILS_BYTES;
  for (const detail of details) {
    const fitted = detail.value.length <= left ? detail : trimmed(detail, left);
    if (fitted === undefined) continue;
    kept.push(fitted);
    left -= fitted.value.length;
  }
  return kept;
}

function trimmed(detail: Any, left: number): Any | undefined {
  switch (detail.typeUrl.slice(TYPE_URL.length)) {
    case "google.rpc.ErrorInfo": {
      const { reason, domain } = ErrorInfo.decode(detail.value);
      return pack(
        "google.rpc.ErrorInfo",
        ErrorInfo.encode({ reason, domain, metadata: { truncated: "true" } }),
      );
    }
    case "google.rpc.BadRequest": {
      const all = BadRequest.decode(detail.value).fieldViolations;
      const fieldViolations = fitting(
        all,
        (v) => BadRequest.encode({ fieldViolations: [v] }).finish().length,
        left,
      );
      return pack("google.rpc.BadRequest", BadRequest.encode({ fieldViolations }));
    }
    case "google.rpc.PreconditionFailure": {
      const all = PreconditionFailure.decode(detail.value).violations;
      const violations = fitting(
        all,
        (v) => PreconditionFailure.encode({ violations: [v] }).finish().length,
        left,
      );
      return pack("google.rpc.PreconditionFailure", PreconditionFailure.encode({ violations }));
    }
    default:
      return undefined;
  }
}

function fitting<T>(all: readonly T[], sizeOf: (one: T) => number, left: number): T[] {
  const kept: T[] = [];
  let room = left;
  for (const one of all) {
    room -= sizeOf(one);
    if (room < 0) break;
    kept.push(one);
  }
  return kept;
}

function pack(type: string, writer: { finish(): Uint8Array }): Any {
  return { typeUrl: TYPE_URL + type, value: Buffer.from(writer.finish()) };
}

function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 3)}...`;
}

/** Reads `Operation.error` and the details of a failed call. A reason unknown here becomes what its code says. */
export function fromRpcStatus(status: Status, options?: ErrorOptions): VirtError {
  let reason: Reason | undefined;
  let remoteReason = "";
  const context: { -readonly [K in keyof ErrorContext]: ErrorContext[K] } = {};
  for (const { typeUrl, value } of status.details) {
    switch (typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) {
      case "google.rpc.ErrorInfo": {
        const info = ErrorInfo.decode(value);
        if (info.domain === ERROR_DOMAIN && isReason(info.reason)) reason = info.reason;
        else remoteReason = info.reason;
        if (Object.keys(info.metadata).length > 0) context.metadata = info.metadata;
        break;
      }
      case "google.rpc.ResourceInfo": {
        const info = ResourceInfo.decode(value);
        context.resource = { type: info.resourceType, name: info.resourceName };
        break;
      }
      case "google.rpc.BadRequest":
        context.violations = BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({
          field,
          description,
        }));
        break;
      case "google.rpc.PreconditionFailure":
        context.preconditions = PreconditionFailure.decode(value).violations;
        break;
      case "google.rpc.RetryInfo": {
        const delay = RetryInfo.decode(value).retryDelay;
        if (delay) context.retryAfterMs = Number(delay.seconds) * 1000 + Math.round(delay.nanos / 1_000_000);
        break;
      }
      default:
        break;
    }
  }
  if (remoteReason !== "") context.metadata = { ...context.metadata, remote_reason: remoteReason };
  return new VirtError(reason ?? REASON_OF_CODE[status.code] ?? "INTERNAL", status.message, context, options);
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}

/**
 * A failed call, as the client has it, back to a VirtError. An error without details comes from grpc-js itself or
 * from a server that is not virtmesh: UNAVAILABLE becomes HOST_GONE and so on, with `peer` and `method` named.
 */
export function fromServiceError(
  e: unknown,
  about: { readonly peer?: string; readonly method?: string } = {},
): VirtError {
  if (VirtError.is(e) || !isGrpcError(e)) return VirtError.from(e);
  const details = e.metadata?.get(DETAILS_KEY)[0];
  if (Buffer.isBuffer(details)) {
    try {
      return fromRpcStatus(Status.decode(details), { cause: e });
    } catch (cause) {
      return new VirtError(
        "PROTOCOL",
        `${about.peer ?? "the peer"} sent error details that cannot be read`,
        {},
        { cause },
      );
    }
  }
  return plainError(e, about.peer ?? "the peer", about.method ?? "the call");
}

/** Whether an error of grpc-js carries the details that virtmesh puts into every status of its own. */
export function hasDetails(e: unknown): boolean {
  return isGrpcError(e) && (e.metadata?.get(DETAILS_KEY).length ?? 0) > 0;
}

function plainError(e: GrpcError, peer: string, method: string): VirtError {
  const options = { cause: e };
  switch (e.code) {
    case grpcStatus.UNAVAILABLE:
      return new VirtError(
        "HOST_GONE",
        `${peer} does not answer: ${e.details}`,
        { metadata: { peer } },
        options,
      );
    case grpcStatus.DEADLINE_EXCEEDED:
      return new VirtError(
        "DEADLINE",
        `${peer} did not answer ${method} before its deadline`,
        { metadata: { peer } },
        options,
      );
    case grpcStatus.CANCELLED:
      return new VirtError("CANCELLED", `${method} was cancelled`, {}, options);
    case grpcStatus.UNIMPLEMENTED:
      return new VirtError("UNSUPPORTED", `${peer} does not offer ${method}: ${e.details}`, {}, options);
    case grpcStatus.INTERNAL:
      // grpc-js reports broken frames and reset streams so; a virtmesh peer would have sent details.
      return new VirtError("PROTOCOL", `${method} broke off at ${peer}: ${e.details}`, {}, options);
    case grpcStatus.RESOURCE_EXHAUSTED: {
      const limit = MESSAGE_TOO_LARGE.exec(e.details)?.[1];
      const text =
        limit === undefined
          ? e.details || messageOf(e)
          : `a message of ${method} has more than ${limit} bytes, the most that one may have: send less, or ask for less at a time`;
      return new VirtError("LIMIT_REACHED", text, {}, options);
    }
    default:
      return new VirtError(REASON_OF_CODE[e.code] ?? "INTERNAL", e.details || messageOf(e), {}, options);
  }
}

interface GrpcError {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

function isGrpcError(e: unknown): e is GrpcError {
  return (
    typeof e === "object" &&
    e !== null &&
    "code" in e &&
    typeof e.code === "number" &&
    "details" in e &&
    typeof e.details === "string"
  );
}
