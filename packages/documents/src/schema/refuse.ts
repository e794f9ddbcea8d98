import { VirtError } from "@virtmesh/core/errors";
import type { Position, XmlElement } from "../xml/tree.ts";
import { errorAt } from "../xml/tree.ts";
import { placeOf } from "./places.ts";

/**
 * Refuses a document for what its elements say together.
 * @throws XML_INVALID always; `path` names the element as in `/network/ip[2]`. `from` is the value that was read
 * there or around there, which knows line and column.
 */
export function refuseAt(path: string, description: string, from?: object, remedy = ""): never {
  const element = from === undefined ? undefined : placeOf(from);
  if (element !== undefined)
    throw errorAt("XML_INVALID", description, path, positionIn(element, path), remedy);
  const whole = remedy === "" ? description : `${description}; ${remedy}`;
  throw new VirtError("XML_INVALID", `${description} at ${path}${remedy === "" ? "" : `; ${remedy}`}`, {
    metadata: { path },
    violations: [{ field: path, description: whole }],
  });
}

/** Of the attribute that the path ends in, if the element has it. */
function positionIn(element: XmlElement, path: string): Position {
  const name = /@([^/]+)$/.exec(path)?.[1];
  return element.attributes.find((a) => a.name === name) ?? element;
}
