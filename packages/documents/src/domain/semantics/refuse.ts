import { VirtError } from "@virtmesh/core/errors";

/** Refuses a definition that is well-formed but makes no sense; the path is below /domain. */
export function refuse(
  path: string,
  description: string,
  reason: "XML_INVALID" | "CONFIG_UNSUPPORTED" = "XML_INVALID",
): never {
  const place = `/domain/${path}`;
  throw new VirtError(reason, `${description} at ${place}`, {
    metadata: { path: place },
    violations: [{ field: place, description }],
  });
}
