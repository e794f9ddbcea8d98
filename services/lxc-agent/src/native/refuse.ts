import { VirtError } from "@virtmesh/core/errors";

/** What LXC has no setting for. */
export function unsupported(message: string, field: string): VirtError {
  return new VirtError("CONFIG_UNSUPPORTED", message, { violations: [{ field, description: message }] });
}
