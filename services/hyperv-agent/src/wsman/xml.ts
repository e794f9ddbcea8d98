import { SaxesParser } from "saxes";
import { WsmanProtocolError } from "./errors.ts";

/** An element of a message. */
export interface XmlNode {
  readonly ns: string;
  /** Without a prefix. */
  readonly name: string;
  /** By local name: those of this protocol do not collide. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly text: string;
  readonly children: readonly XmlNode[];
}

interface Building extends XmlNode {
  text: string;
  readonly children: Building[];
}

const MAX_DEPTH = 64;

/** Reads a message into a tree. SOAP has no document types, hence none is read. @throws WsmanProtocolError */
export function readXml(xml: string): XmlNode {
  const parser = new SaxesParser({ xmlns: true });
  const open: Building[] = [];
  let root: Building | undefined;
  parser.on("error", (e) => {
    throw new WsmanProtocolError(`the message is not well-formed XML: ${e.message}`);
  });
  parser.on("doctype", () => {
    throw new WsmanProtocolError("the message has a document type definition, which SOAP forbids");
  });
  parser.on("opentag", (tag) => {
    const attributes = new Map(Object.values(tag.attributes).map(({ local, value }) => [local, value]));
    const node: Building = { ns: tag.uri, name: tag.local, attributes, text: "", children: [] };
    const parent = open.at(-1);
    if (parent === undefined) root = node;
    else parent.children.push(node);
    if (open.push(node) > MAX_DEPTH)
      throw new WsmanProtocolError(`the message nests deeper than ${MAX_DEPTH} elements`);
  });
  const take = (text: string): void => {
    const node = open.at(-1);
    if (node !== undefined) node.text += text;
  };
  parser.on("text", take);
  parser.on("cdata", take);
  parser.on("closetag", () => open.pop());
  // With a byte order mark in front saxes would not know the beginning of a document.
  parser.write(xml.replace(/^\uFEFF/, "")).close();
  if (root === undefined) throw new WsmanProtocolError("the message is empty");
  return root;
}

/** The node at the end of a path of first children. */
export function at(node: XmlNode | undefined, ...path: readonly string[]): XmlNode | undefined {
  return path.reduce<XmlNode | undefined>(
    (found, name) => found?.children.find((child) => child.name === name),
    node,
  );
}

export function textAt(node: XmlNode | undefined, ...path: readonly string[]): string | undefined {
  return at(node, ...path)?.text.trim();
}

export function childrenOf(node: XmlNode | undefined, name: string): readonly XmlNode[] {
  return node?.children.filter((child) => child.name === name) ?? [];
}

/** Characters that XML cannot carry in any form. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;

/** @throws WsmanProtocolError for a text that XML cannot carry */
export function escapeXml(text: string): string {
  if (FORBIDDEN.test(text))
    throw new WsmanProtocolError("a text has control characters, which XML cannot carry");
  return text.replace(/[&<>"\r]/g, (c) => ENTITIES[c] ?? c);
}

// A bare carriage return would be read as a line feed.
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;",
};
