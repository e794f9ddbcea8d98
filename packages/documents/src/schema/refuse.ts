import { VirtError } from "@virtmesh/core/errors";

/**
 * Refuses a document for what its elements say together.
 * @throws XML_INVALID always; `path` names the element as in `/network/ip[2]`
 */
export function refuseAt(path: string, description: string): never {
  throw new VirtError("XML_INVALID", `${description} at ${path}`, {
    metadata: { path },
    violations: [{ field: path, description }],
  });
}
