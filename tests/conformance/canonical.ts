import { readXml } from "@virtmesh/documents/xml/read";
import type { XmlElement } from "@virtmesh/documents/xml/tree";
import { elementsOf, pathOf } from "@virtmesh/documents/xml/tree";

/** Whether elements of different names must come in the same order; those of one name always must. */
export type Order = "counts" | "free";

/**
 * The first difference between two documents, or undefined. Not seen: comments, blanks between elements, the
 * order of attributes, and which prefix stands for a namespace.
 */
export function firstDifference(
  expected: string,
  actual: string,
  order: Order = "counts",
): string | undefined {
  return compare(readXml(expected), readXml(actual), order);
}

function compare(expected: XmlElement, actual: XmlElement, order: Order): string | undefined {
  const where = pathOf(expected);
  if (expected.local !== actual.local || expected.uri !== actual.uri) {
    return `${where}: <${expected.name}> was expected, <${actual.name}> was written`;
  }
  return (
    compareAttributes(expected, actual, where) ??
    compareText(expected, actual, where) ??
    compareChildren(expected, actual, where, order)
  );
}

function compareAttributes(expected: XmlElement, actual: XmlElement, where: string): string | undefined {
  const wanted = attributesOf(expected);
  const written = attributesOf(actual);
  for (const [name, value] of wanted) {
    const found = written.get(name);
    if (found === undefined) return `${where}/@${name}: ${quote(value)} is missing`;
    if (found !== value)
      return `${where}/@${name}: ${quote(value)} was expected, ${quote(found)} was written`;
  }
  for (const [name, value] of written) {
    if (!wanted.has(name)) return `${where}/@${name}: ${quote(value)} is too much`;
  }
  return undefined;
}

function compareText(expected: XmlElement, actual: XmlElement, where: string): string | undefined {
  const wanted = textOf(expected);
  const written = textOf(actual);
  return wanted === written
    ? undefined
    : `${where}: text ${quote(wanted)} was expected, ${quote(written)} was written`;
}

function compareChildren(
  expected: XmlElement,
  actual: XmlElement,
  where: string,
  order: Order,
): string | undefined {
  const wanted = childrenOf(expected, order);
  const written = childrenOf(actual, order);
  for (const [i, child] of wanted.entries()) {
    const other = written[i];
    if (other === undefined) return `${pathOf(child)} is missing`;
    const difference = compare(child, other, order);
    if (difference !== undefined) return difference;
  }
  const extra = written[wanted.length];
  return extra === undefined ? undefined : `${where}: <${extra.name}> is too much`;
}

function childrenOf(element: XmlElement, order: Order): readonly XmlElement[] {
  const children = elementsOf(element);
  if (order === "counts") return children;
  return children.toSorted((a, b) => (a.local < b.local ? -1 : a.local > b.local ? 1 : 0));
}

function attributesOf(element: XmlElement): ReadonlyMap<string, string> {
  const attributes = element.attributes
    .filter((a) => a.prefix !== "xmlns" && a.name !== "xmlns")
    .map(({ name, prefix, value }): [string, string] => {
      const uri = prefix === "" ? undefined : element.namespaces.get(prefix);
      return [uri === undefined ? name : `{${uri}}${name.slice(prefix.length + 1)}`, value];
    });
  return new Map(attributes);
}

function textOf(element: XmlElement): string {
  return element.children
    .filter((child) => typeof child === "string")
    .join("")
    .trim();
}

function quote(text: string): string {
  return text.length > 80 ? `"${text.slice(0, 80)}..."` : `"${text}"`;
}
