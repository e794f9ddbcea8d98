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

/** Refuses the second of two names that are the same; `path` is that of the elements without their number. */
export function refuseDoubles(names: readonly string[], path: string): void {
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    if (seen.has(name)) refuseAt(`${path}[${i + 1}]`, `${name} is there already`);
    seen.add(name);
  }
}
