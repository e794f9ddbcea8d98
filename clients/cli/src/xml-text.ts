import type { XmlTree } from "@virtmesh/documents/xml/tree";

/** An element for a document that the command line makes. Attributes and children without a value are left out. */
export function tag(
  name: string,
  attributes: Readonly<Record<string, string | undefined>> = {},
  children: readonly (XmlTree | string | undefined)[] = [],
): XmlTree {
  return {
    name,
    attributes: Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined || value === "" ? [] : [{ name: key, value }],
    ),
    children: children.filter((child) => child !== undefined),
  };
}
