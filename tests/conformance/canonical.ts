import { readXml } from "@virtmesh/documents/xml/read";
import type { XmlElement } from "@virtmesh/documents/xml/tree";
import { elementsOf, pathOf } from "@virtmesh/documents/xml/tree";

/**
 * The first difference between two documents, or undefined. Not seen: comments, blanks between elements, the
 * order of attributes, and which prefix stands for a namespace. The order of elements counts.
 */
export function firstDifference(expected: string, actual: string): string | undefined {
  return compare(readXml(expected), readXml(actual));
}

function compare(expected: XmlElement, actual: XmlElement): string | undefined {
  const where = pathOf(expected);
  if (expected.local !== actual.local || expected.uri !== actual.uri) {
    return `${where}: <${expected.name}> was expected, <${actual.name}> was written`;
  }
  return (
    compareAttributes(expected, actual, where) ??
    compareText(expected, actual, where) ??
    compareChildren(expected, actual, where)
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

function compareChildren(expected: XmlElement, actual: XmlElement, where: string): string | undefined {
  const wanted = elementsOf(expected);
  const written = elementsOf(actual);
  for (const [i, child] of wanted.entries()) {
    const other = written[i];
    if (other === undefined) return `${pathOf(child)} is missing`;
    const difference = compare(child, other);
    if (difference !== undefined) return difference;
  }
  const extra = written[wanted.length];
  return extra === undefined ? undefined : `${where}: <${extra.name}> is too much`;
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
