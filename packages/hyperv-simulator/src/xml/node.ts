import { SaxesParser } from "saxes";

export interface XmlAttribute {
  readonly name: string;
  readonly uri: string;
  readonly value: string;
}

export interface XmlNode {
  /** Without a prefix. */
  readonly name: string;
  /** Of its namespace. */
  readonly uri: string;
  readonly attributes: readonly XmlAttribute[];
  readonly text: string;
  readonly children: readonly XmlNode[];
}

interface Building extends XmlNode {
  text: string;
  readonly children: Building[];
}

export class XmlError extends Error {
  override readonly name = "XmlError";
}

const MAX_DEPTH = 64;

/** Reads a document into a tree. @throws XmlError */
export function readXml(xml: string): XmlNode {
  const parser = new SaxesParser({ xmlns: true });
  const open: Building[] = [];
  let root: Building | undefined;
  parser.on("error", (e) => {
    throw new XmlError(e.message);
  });
  parser.on("doctype", () => {
    throw new XmlError("there is a document type definition, which SOAP forbids");
  });
  parser.on("opentag", (tag) => {
    const attributes = Object.values(tag.attributes).map((a) => ({
      name: a.local,
      uri: a.uri,
      value: a.value,
    }));
    const node: Building = { name: tag.local, uri: tag.uri, attributes, text: "", children: [] };
    const parent = open.at(-1);
    if (parent === undefined) root = node;
    else parent.children.push(node);
    if (open.push(node) > MAX_DEPTH) throw new XmlError(`elements nest deeper than ${MAX_DEPTH}`);
  });
  const take = (text: string): void => {
    const node = open.at(-1);
    if (node !== undefined) node.text += text;
  };
  parser.on("text", take);
  parser.on("cdata", take);
  parser.on("closetag", () => open.pop());
  parser.write(xml).close();
  if (root === undefined) throw new XmlError("there is no element");
  return root;
}

/** The first child of that name, in that namespace where one is named. */
export function child(node: XmlNode | undefined, name: string, uri?: string): XmlNode | undefined {
  return node?.children.find((c) => c.name === name && (uri === undefined || c.uri === uri));
}

export function children(node: XmlNode | undefined, name: string): readonly XmlNode[] {
  return node?.children.filter((c) => c.name === name) ?? [];
}

export function attribute(node: XmlNode, name: string, uri = ""): string | undefined {
  return node.attributes.find((a) => a.name === name && a.uri === uri)?.value;
}
