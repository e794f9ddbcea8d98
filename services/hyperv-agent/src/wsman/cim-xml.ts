import { WsmanProtocolError } from "./errors.ts";
import type { Instance, Raw } from "./values.ts";
import { at, childrenOf, escapeXml, readXml, type XmlNode } from "./xml.ts";

/** A property to write: its type in CIM's words, and its value; a list for an array. */
export interface CimProperty {
  readonly name: string;
  readonly type: string;
  readonly value: string | readonly string[];
}

/** An instance as the text that parameters with EmbeddedInstance carry (DSP0201, INSTANCE). */
export function writeCimXml(className: string, properties: readonly CimProperty[]): string {
  return `<INSTANCE CLASSNAME="${escapeXml(className)}">${properties.map(writeProperty).join("")}</INSTANCE>`;
}

function writeProperty({ name, type, value }: CimProperty): string {
  const tag = typeof value === "string" ? "PROPERTY" : "PROPERTY.ARRAY";
  const head = `<${tag} NAME="${escapeXml(name)}" TYPE="${escapeXml(type)}">`;
  const body =
    typeof value === "string"
      ? writeText(value)
      : `<VALUE.ARRAY>${value.map(writeText).join("")}</VALUE.ARRAY>`;
  return `${head}${body}</${tag}>`;
}

function writeText(value: string): string {
  return `<VALUE>${escapeXml(value)}</VALUE>`;
}

/** Reads such a text. @throws WsmanProtocolError */
export function readCimXml(text: string): Instance {
  const root = readXml(text);
  if (root.name !== "INSTANCE")
    throw new WsmanProtocolError(`an embedded instance begins with <${root.name}> and not with <INSTANCE>`);
  const scalars = childrenOf(root, "PROPERTY").map((each) => [nameOf(each), [valueOf(each)]] as const);
  const lists = childrenOf(root, "PROPERTY.ARRAY").map(
    (each) =>
      [nameOf(each), childrenOf(at(each, "VALUE.ARRAY"), "VALUE").map(({ text: value }) => value)] as const,
  );
  return {
    className: root.attributes.get("CLASSNAME") ?? "",
    properties: new Map<string, readonly Raw[]>([...scalars, ...lists]),
  };
}

function nameOf(node: XmlNode): string {
  return node.attributes.get("NAME") ?? "";
}

function valueOf(node: XmlNode): Raw {
  return at(node, "VALUE")?.text ?? null;
}
