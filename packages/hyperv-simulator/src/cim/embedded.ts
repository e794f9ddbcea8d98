import { type CimClass, type ElementType, findClass, needClass, propertyName } from "../schema/classes.ts";
import { attribute, child, children, readXml, XmlError, type XmlNode } from "../xml/node.ts";
import { element, textElement } from "../xml/write.ts";
import { type Instance, isArray, type Scalar, type Value } from "./value.ts";

/** What is wrong with an object that came as text. */
export class EmbeddedError extends Error {
  override readonly name = "EmbeddedError";
}

/** Reads an object in the XML of DSP0201, and holds it to the schema. @throws EmbeddedError */
export function readEmbedded(text: string): Instance {
  const node = parse(text);
  const name = attribute(node, "CLASSNAME") ?? "";
  const cimClass = findClass(name);
  if (node.name !== "INSTANCE" || cimClass === undefined)
    throw new EmbeddedError(`"${node.name}" is no INSTANCE of a class in Microsoft's reference ("${name}")`);
  const values: Record<string, Value> = {};
  for (const property of node.children) {
    if (property.name === "QUALIFIER") continue;
    const [key, value] = readProperty(cimClass, property);
    values[key] = value;
  }
  return { className: cimClass.name, values };
}

function parse(text: string): XmlNode {
  try {
    const root = readXml(text.trim());
    // Some clients wrap it as in an answer of CIM-XML.
    return root.name === "DECLGROUP" || root.name === "CIM" ? (root.children[0] ?? root) : root;
  } catch (e) {
    if (e instanceof XmlError) throw new EmbeddedError(`it is not well-formed XML: ${e.message}`);
    throw e;
  }
}

function readProperty(cimClass: CimClass, node: XmlNode): readonly [string, Value] {
  const written = attribute(node, "NAME") ?? "";
  const name = propertyName(cimClass, written);
  const type = name === undefined ? undefined : cimClass.properties.get(name);
  if (name === undefined || type === undefined)
    throw new EmbeddedError(`${cimClass.name} has no property "${written}"`);
  const place = `${cimClass.name}.${name}`;
  const isArrayNode = node.name === "PROPERTY.ARRAY";
  const isKnown = isArrayNode || node.name === "PROPERTY" || node.name === "PROPERTY.REFERENCE";
  if (!isKnown) throw new EmbeddedError(`${place} is written as ${node.name}`);
  if (isArrayNode !== type.isArray)
    throw new EmbeddedError(
      `${place} is ${type.isArray ? "an array" : "no array"}, it was written otherwise`,
    );
  const typeWritten = attribute(node, "TYPE") ?? type.name;
  if (!sameType(typeWritten, type))
    throw new EmbeddedError(`${place} is of type ${type.name}, it was written as ${typeWritten}`);
  if (!isArrayNode) {
    const value = child(node, "VALUE");
    return [name, value === undefined ? null : readScalar(place, type, value.text)];
  }
  const array = child(node, "VALUE.ARRAY");
  if (array === undefined) return [name, null];
  return [name, children(array, "VALUE").map((value) => readScalar(place, type, value.text))];
}

/** Objects inside of objects and references are written as text. */
function sameType(written: string, type: ElementType): boolean {
  const asText = type.isReference || findClass(type.name) !== undefined;
  return written.toLowerCase() === (asText ? "string" : type.name);
}

const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = Object.fromEntries(
  [8n, 16n, 32n, 64n].flatMap((bits) => [
    [`uint${bits}`, [0n, (1n << bits) - 1n]],
    [`sint${bits}`, [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]],
  ]),
);

/** A value out of text, within the range of its type. @throws EmbeddedError */
export function readScalar(place: string, type: ElementType, text: string): Scalar {
  const range = RANGES[type.name];
  if (range !== undefined) {
    const trimmed = text.trim();
    if (!/^-?\d+$/.test(trimmed)) throw new EmbeddedError(`${place} is "${text}", which is no ${type.name}`);
    const value = BigInt(trimmed);
    if (value < range[0] || value > range[1])
      throw new EmbeddedError(`${place} is ${value}, which is out of the range of ${type.name}`);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : value;
  }
  if (type.name !== "boolean") return text;
  if (!/^(true|false)$/i.test(text.trim()))
    throw new EmbeddedError(`${place} is "${text}", which is no boolean`);
  return text.trim().toLowerCase() === "true";
}

/** The text of an object, with the properties that it has. */
export function writeEmbedded(instance: Instance): string {
  const cimClass = needClass(instance.className);
  const properties = [...cimClass.properties].flatMap(([name, type]) => {
    const value = instance.values[name] ?? null;
    if (value === null) return [];
    const attributes = { NAME: name, TYPE: type.name };
    if (!isArray(value)) return [element("PROPERTY", textElement("VALUE", scalarText(value)), attributes)];
    const items = value.map((item) => textElement("VALUE", scalarText(item))).join("");
    return [element("PROPERTY.ARRAY", element("VALUE.ARRAY", items), attributes)];
  });
  return element("INSTANCE", properties.join(""), { CLASSNAME: cimClass.name });
}

function scalarText(value: Scalar): string {
  if (typeof value !== "object") return String(value);
  if (value instanceof Date) return cimTime(value);
  if (value.kind === "interval") return cimInterval(value.ms);
  throw new Error("references and objects do not stand in the text of an object here");
}

/** `yyyymmddhhmmss.mmmmmm+000` */
function cimTime(time: Date): string {
  const digits = time.toISOString().replaceAll(/[-:TZ]/g, "");
  const [whole = "", fraction = ""] = digits.split(".");
  return `${whole}.${fraction.padEnd(6, "0")}+000`;
}

/** `ddddddddhhmmss.mmmmmm:000` */
function cimInterval(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const part = (value: number, width: number): string => String(value).padStart(width, "0");
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  return (
    part(days ?? 0, 8) +
    part((hours ?? 0) % 24, 2) +
    part((minutes ?? 0) % 60, 2) +
    `${part(seconds % 60, 2)}.${part((ms % 1000) * 1000, 6)}:000`
  );
}
