import type { ErrorContext, Reason } from "@virtmesh/core/errors";
import { REASONS, VirtError } from "@virtmesh/core/errors";

/** A VirtError as JSON; the cause stays behind, it was for the log. */
export interface ErrorFields {
  readonly reason: string;
  readonly message: string;
  readonly context: ErrorContext;
}

export function toFields(e: VirtError): ErrorFields {
  return { reason: e.reason, message: e.message, context: e.context };
}

/** A reason that this version does not know any more becomes INTERNAL. */
export function fromFields(fields: ErrorFields): VirtError {
  const reason: Reason = isReason(fields.reason) ? fields.reason : "INTERNAL";
  return new VirtError(reason, fields.message, fields.context);
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}
