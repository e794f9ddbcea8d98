import { SaxesParser } from "saxes";
import { VimProtocolError } from "./errors.ts";

/** An element of an answer. Without a schema one cannot tell a list of one from a single value: readers say which they want. */
export interface VimNode {
  /** Without a prefix. */
  readonly name: string;
  /** xsi:type without its prefix: the dynamic type of a data object; empty without one. */
  readonly type: string;
  /** Attribute `type`: what a managed object reference points to; empty without one. */
  readonly refType: string;
  readonly text: string;
  readonly children: readonly VimNode[];
}

interface Building extends VimNode {
  text: string;
  readonly children: Building[];
}

const MAX_DEPTH = 64;

/** Reads an answer into a tree. There is no DTD in SOAP, hence none is read. @throws VimProtocolError */
export function readNode(xml: string): VimNode {
  const parser = new SaxesParser({ xmlns: false });
  const open: Building[] = [];
  let root: Building | undefined;
  parser.on("error", (e) => {
    throw new VimProtocolError(`the server's answer is not well-formed XML: ${e.message}`);
  });
  parser.on("doctype", () => {
    throw new VimProtocolError("the server's answer has a document type definition, which SOAP forbids");
  });
  parser.on("opentag", (tag) => {
    let type = "";
    let refType = "";
    for (const [name, value] of Object.entries(tag.attributes)) {
      if (name === "type") refType = value;
      // Servers call the prefix of XMLSchema-instance xsi, or XMLSchema-instance.
      else if (name.endsWith(":type")) type = local(value);
    }
    const node: Building = { name: local(tag.name), type, refType, text: "", children: [] };
    const parent = open.at(-1);
    if (parent === undefined) root = node;
    else parent.children.push(node);
    if (open.push(node) > MAX_DEPTH)
      throw new VimProtocolError(`the server's answer nests deeper than ${MAX_DEPTH} elements`);
  });
  const take = (text: string): void => {
    const node = open.at(-1);
    if (node !== undefined) node.text += text;
  };
  parser.on("text", take);
  parser.on("cdata", take);
  parser.on("closetag", () => open.pop());
  parser.write(xml).close();
  if (root === undefined) throw new VimProtocolError("the server's answer is empty");
  return root;
}

function local(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** The first child of that name. */
export function childOf(node: VimNode | undefined, name: string): VimNode | undefined {
  return node?.children.find((c) => c.name === name);
}

export function childrenOf(node: VimNode | undefined, name: string): readonly VimNode[] {
  return node?.children.filter((c) => c.name === name) ?? [];
}

/** The node at the end of a path of first children. */
export function at(node: VimNode | undefined, ...path: readonly string[]): VimNode | undefined {
  return path.reduce(childOf, node);
}

export function textAt(node: VimNode | undefined, ...path: readonly string[]): string | undefined {
  return at(node, ...path)?.text;
}

/** A whole number (xsd:int, xsd:long that JavaScript holds exactly); undefined when it is not there. */
export function numberAt(node: VimNode | undefined, ...path: readonly string[]): number | undefined {
  const text = textAt(node, ...path);
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!Number.isFinite(value))
    throw new VimProtocolError(`${path.join(".")} is "${text}", which is not a number`);
  return value;
}

export function bigAt(node: VimNode | undefined, ...path: readonly string[]): bigint | undefined {
  const text = textAt(node, ...path);
  return text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}

export function flagAt(node: VimNode | undefined, ...path: readonly string[]): boolean | undefined {
  const text = textAt(node, ...path);
  return text === undefined ? undefined : text === "true" || text === "1";
}
