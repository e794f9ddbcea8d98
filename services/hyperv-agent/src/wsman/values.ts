import { WsmanProtocolError } from "./errors.ts";
import { ANONYMOUS, NS } from "./namespaces.ts";
import { at, childrenOf, escapeXml, textAt, type XmlNode } from "./xml.ts";

/** An instance on the server: its resource, and the keys that tell it from others. */
export interface Reference {
  readonly resourceUri: string;
  readonly selectors: Readonly<Record<string, string>>;
}

/** A value as it comes, before anybody has said of which type it is; null where the server has none. */
export type Raw = string | Reference | Instance | null;

/** An instance as it comes. Scalars are lists of one: only a schema knows which is which. */
export interface Instance {
  readonly className: string;
  readonly properties: ReadonlyMap<string, readonly Raw[]>;
}

/** Something to send: a list is an element for each; undefined is left out. Instances go as text (`cim-xml.ts`). */
export type Value = string | number | bigint | boolean | Reference | readonly Value[] | undefined;

export function isReference(value: unknown): value is Reference {
  return typeof value === "object" && value !== null && "selectors" in value;
}

export function isInstance(value: unknown): value is Instance {
  return typeof value === "object" && value !== null && "className" in value;
}

/** One text for each instance, as key of maps. */
export function keyOf({ resourceUri, selectors }: Reference): string {
  const keys = Object.entries(selectors).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${resourceUri}?${keys.map(([name, value]) => `${name}=${value}`).join("+")}`.toLowerCase();
}

export function readInstance(node: XmlNode): Instance {
  const properties = new Map<string, Raw[]>();
  for (const child of node.children) {
    const values = properties.get(child.name) ?? [];
    values.push(readValue(child));
    properties.set(child.name, values);
  }
  return { className: node.name, properties };
}

function readValue(node: XmlNode): Raw {
  if (node.attributes.get("nil") === "true") return null;
  const [first] = node.children;
  if (first === undefined) return node.text;
  if (first.ns === NS.cim) return first.text;
  if (first.name === "EndpointReference") return readReference(first);
  if (first.ns === NS.addressing) return readReference(node);
  // An instance inside a property says of which class it is by its type: `p:Msvm_SummaryInformation_Type`.
  const type = node.attributes.get("type");
  return readInstance(
    type === undefined ? first : { ...node, name: type.replace(/^.*:/, "").replace(/_Type$/, "") },
  );
}

/** The reference that an element is. @throws WsmanProtocolError */
export function readReference(node: XmlNode): Reference {
  const parameters = at(node, "ReferenceParameters");
  const resourceUri = textAt(parameters, "ResourceURI");
  if (resourceUri === undefined)
    throw new WsmanProtocolError(`<${node.name}> is no reference: it names no resource`);
  const selectors = childrenOf(at(parameters, "SelectorSet"), "Selector");
  return {
    resourceUri,
    selectors: Object.fromEntries(selectors.map((each) => [each.attributes.get("Name") ?? "", each.text])),
  };
}

/** The parameters of a call, in the order given, under the prefix `p`. */
export function writeValues(values: Readonly<Record<string, Value>>): string {
  return Object.entries(values)
    .map(([name, value]) => writeValue(`p:${name}`, value))
    .join("");
}

function writeValue(tag: string, value: Value): string {
  if (value === undefined) return "";
  if (isList(value)) return value.map((each) => writeValue(tag, each)).join("");
  if (typeof value !== "object") return `<${tag}>${escapeXml(String(value))}</${tag}>`;
  return `<${tag}>${writeReference(value)}</${tag}>`;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function writeReference({ resourceUri, selectors }: Reference): string {
  return (
    `<a:Address>${ANONYMOUS}</a:Address><a:ReferenceParameters>` +
    `<w:ResourceURI>${escapeXml(resourceUri)}</w:ResourceURI>${writeSelectors(selectors)}</a:ReferenceParameters>`
  );
}

export function writeSelectors(selectors: Readonly<Record<string, string>>): string {
  const all = Object.entries(selectors);
  if (all.length === 0) return "";
  return `<w:SelectorSet>${all
    .map(([name, value]) => `<w:Selector Name="${escapeXml(name)}">${escapeXml(value)}</w:Selector>`)
    .join("")}</w:SelectorSet>`;
}
