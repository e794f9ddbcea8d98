import { VirtError } from "@virtmesh/core/errors";

/** What a .vmx file has no word for. */
export function unsupported(message: string, field: string): VirtError {
  return new VirtError("CONFIG_UNSUPPORTED", message, { violations: [{ field, description: message }] });
}
