/** A managed object on the server: its type and its id there (`vm-42`). */
export interface Reference {
  readonly kind: "reference";
  readonly type: string;
  readonly value: string;
}

export function reference(type: string, value: string): Reference {
  return { kind: "reference", type, value };
}

/** One text for each object, as key of maps. */
export function keyOf(ref: Reference): string {
  return `${ref.type}:${ref.value}`;
}

/**
 * A data object to send. Fields go out in the order in which they stand, which must be that of the schema
 * (inherited ones first); undefined ones are left out, a list is an element for each. `$type` is the xsi:type,
 * needed wherever the schema names a base type; `$text` is the text of a value that is no object.
 */
export interface VimObject {
  readonly $type?: string;
  readonly [field: string]: VimValue;
}

export type VimValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Reference
  | VimObject
  | readonly VimValue[]
  | undefined;

const ENVELOPE =
  '<?xml version="1.0" encoding="UTF-8"?>' +
  '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"' +
  ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">' +
  "<soapenv:Body>";

/** The whole body of a call. */
export function encodeCall(method: string, self: Reference, args: VimObject): string {
  return `${ENVELOPE}<${method} xmlns="urn:vim25">${encode("_this", self)}${fields(args)}</${method}></soapenv:Body></soapenv:Envelope>`;
}

function fields(object: VimObject): string {
  let out = "";
  for (const [name, value] of Object.entries(object)) {
    if (name === "$text" && typeof value === "string") out += escapeXml(value);
    else if (name !== "$type") out += encode(name, value);
  }
  return out;
}

function encode(name: string, value: VimValue): string {
  if (value === undefined) return "";
  if (isList(value)) return value.map((item) => encode(name, item)).join("");
  if (value instanceof Date) return `<${name}>${value.toISOString()}</${name}>`;
  if (typeof value !== "object") return `<${name}>${escapeXml(String(value))}</${name}>`;
  if (isReference(value))
    return `<${name} type="${escapeXml(value.type)}">${escapeXml(value.value)}</${name}>`;
  const type = value.$type === undefined ? "" : ` xsi:type="${value.$type}"`;
  return `<${name}${type}>${fields(value)}</${name}>`;
}

/** A value whose static type is xsd:anyType: it must say what it is. */
export function anyString(value: string): VimObject {
  return { $type: "xsd:string", $text: value };
}

function isList(value: VimValue): value is readonly VimValue[] {
  return Array.isArray(value);
}

function isReference(value: Reference | VimObject): value is Reference {
  return value["kind"] === "reference";
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ENTITIES[c] ?? c);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
