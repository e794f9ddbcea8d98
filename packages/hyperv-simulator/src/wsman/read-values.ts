import { EmbeddedError, readScalar } from "../cim/embedded.ts";
import type { Scalar, Value } from "../cim/value.ts";
import type { ElementType } from "../schema/classes.ts";
import { attribute, type XmlNode } from "../xml/node.ts";
import type { Fault } from "./faults.ts";
import { XSI } from "./namespaces.ts";
import { readReference } from "./request.ts";

/** What elements may be, and how it is said that they are not. */
export interface Expected {
  /** Whose they are: `Msvm_ComputerSystem.RequestStateChange`. */
  readonly owner: string;
  /** `input parameter`, `property` */
  readonly kind: string;
  readonly typeOf: (name: string) => ElementType | undefined;
  readonly refuse: (message: string) => Fault;
}

/** Values by name out of elements, each held to its type; an array is its element repeated. @throws Fault */
export function readValues(nodes: readonly XmlNode[], expected: Expected): Readonly<Record<string, Value>> {
  const { owner, kind, typeOf, refuse } = expected;
  const values: Record<string, Value> = {};
  for (const node of nodes) {
    const type = typeOf(node.name);
    if (type === undefined) throw refuse(`${owner} has no ${kind} ${node.name}.`);
    const value = attribute(node, "nil", XSI) === "true" ? null : readValue(node, type, refuse);
    const before = values[node.name];
    if (!type.isArray) {
      if (before !== undefined) throw refuse(`${owner}.${node.name} is given twice.`);
      values[node.name] = value;
    } else if (value !== null) {
      values[node.name] = [...(Array.isArray(before) ? before : []), value];
    }
  }
  return values;
}

function readValue(node: XmlNode, type: ElementType, refuse: Expected["refuse"]): Scalar {
  if (type.isReference) return readReference(node);
  try {
    return readScalar(node.name, type, node.text);
  } catch (e) {
    if (e instanceof EmbeddedError) throw refuse(`${e.message}.`);
    throw e;
  }
}
