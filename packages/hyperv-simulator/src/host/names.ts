import { VirtError } from "@virtmesh/core/errors";

/** What comes from files and from tests is held to the names that there are. @throws INVALID_FIELD */
export function checkNames(where: string, given: object, known: object): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined)
    throw new VirtError(
      "INVALID_FIELD",
      `${where} of the simulator have no "${unknown}"; there are ${Object.keys(known).join(", ")}`,
    );
}
