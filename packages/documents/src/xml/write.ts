import { VirtError } from "@virtmesh/core/errors";
import type { XmlTree } from "./tree.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&apos;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};
const NOT_XML =
  /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

function escape(text: string, what: RegExp): string {
  const bad = NOT_XML.exec(text);
  if (bad) {
    throw new VirtError(
      "XML_INVALID",
      `${JSON.stringify(text)} cannot be written as XML because of ${JSON.stringify(bad[0])}`,
    );
  }
  return text.replace(what, (c) => ESCAPES[c] ?? c);
}

/** Writes a tree the way libvirt does: two blanks a level, single quotes, a line feed at the end. */
export function writeXml(tree: XmlTree): string {
  const out: string[] = [];
  writeElement(tree, "", out);
  return out.join("");
}

function writeElement(tree: XmlTree, indent: string, out: string[]): void {
  out.push(`${indent}${openTag(tree)}`);
  if (tree.children.length === 0) {
    out.push("/>\n");
  } else if (tree.children.some((child) => typeof child === "string")) {
    // Blanks count next to text, so nothing is added.
    out.push(">");
    for (const child of tree.children) out.push(writeInline(child));
    out.push(`</${tree.name}>\n`);
  } else {
    out.push(">\n");
    for (const child of tree.children) if (typeof child !== "string") writeElement(child, `${indent}  `, out);
    out.push(`${indent}</${tree.name}>\n`);
  }
}

function writeInline(node: XmlTree | string): string {
  if (typeof node === "string") return escape(node, /[&<>'"\r]/g);
  if (node.children.length === 0) return `${openTag(node)}/>`;
  return `${openTag(node)}>${node.children.map(writeInline).join("")}</${node.name}>`;
}

function openTag(tree: XmlTree): string {
  const attributes = tree.attributes.map((a) => ` ${a.name}='${escape(a.value, /[&<>'"\t\n\r]/g)}'`);
  return `<${tree.name}${attributes.join("")}`;
}
