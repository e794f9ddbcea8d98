import { VirtError } from "@virtmesh/core/errors";

/**
 * Refuses a document for what its elements say together.
 * @throws XML_INVALID always; `path` names the element as in `/network/ip[2]`, or an attribute of it
 */
export function refuseAt(path: string, description: string, remedy = ""): never {
  const whole = remedy === "" ? description : `${description}; ${remedy}`;
  throw new VirtError("XML_INVALID", `${description} at ${path}${remedy === "" ? "" : `; ${remedy}`}`, {
    metadata: { path },
    violations: [{ field: path, description: whole }],
  });
}
