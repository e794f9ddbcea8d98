import type { XmlAttribute, XmlElement, XmlTree } from "./tree.ts";

/**
 * A subtree as data that can be written back anywhere: the namespaces it uses from outside are declared on it.
 * Blanks that only indent elements are left out; all other text stays as it is.
 */
export function keep(element: XmlElement): XmlTree {
  const missing = new Map<string, string>();
  const tree = copy(element, new Set(), missing);
  const declarations = [...missing].map(
    ([prefix, uri]): XmlAttribute => ({ name: prefix === "" ? "xmlns" : `xmlns:${prefix}`, value: uri }),
  );
  return { ...tree, attributes: [...tree.attributes, ...declarations] };
}

function copy(element: XmlElement, declared: ReadonlySet<string>, missing: Map<string, string>): XmlTree {
  const here = new Set([...declared, ...element.attributes.flatMap(declaredPrefix)]);
  const used = [element.prefix, ...element.attributes.map((a) => a.prefix).filter((p) => p !== "")];
  for (const prefix of used) {
    const uri = element.namespaces.get(prefix);
    if (uri !== undefined && prefix !== "xml" && prefix !== "xmlns" && !here.has(prefix))
      missing.set(prefix, uri);
  }
  const hasElements = element.children.some((child) => typeof child !== "string");
  const indentsOnly = element.children.every((child) => typeof child !== "string" || child.trim() === "");
  const children = element.children.flatMap((child): (XmlTree | string)[] => {
    if (typeof child !== "string") return [copy(child, here, missing)];
    return hasElements && indentsOnly ? [] : [child];
  });
  return {
    name: element.name,
    attributes: element.attributes.map(({ name, value }) => ({ name, value })),
    children,
  };
}

function declaredPrefix(attribute: { readonly name: string; readonly prefix: string }): string[] {
  if (attribute.name === "xmlns") return [""];
  return attribute.prefix === "xmlns" ? [attribute.name.slice("xmlns:".length)] : [];
}
