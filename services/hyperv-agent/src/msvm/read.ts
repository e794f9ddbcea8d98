import { readCimXml } from "../wsman/cim-xml.ts";
import { WsmanProtocolError } from "../wsman/errors.ts";
import { type Instance, isInstance, isReference, type Raw } from "../wsman/values.ts";
import { CLASSES, METHODS } from "./gen/schema.ts";
import type { ClassName, MethodClass, MethodName, Msvm, Output } from "./types.ts";

/** What came as an instance of a class. Properties that the schema does not have (newer hosts have more) are left out. @throws WsmanProtocolError */
export function readMsvm<C extends ClassName>(className: C, instance: Instance): Msvm<C> {
  return readFields(CLASSES[className], instance) as Msvm<C>;
}

/** The out parameters of a call. @throws WsmanProtocolError */
export function readOutput<C extends MethodClass, M extends MethodName<C>>(
  className: C,
  method: M,
  instance: Instance,
): Output<C, M> {
  const signatures: Readonly<Record<string, { readonly out: Readonly<Record<string, string>> }>> =
    METHODS[className];
  return readFields(signatures[method]?.out ?? {}, instance) as Output<C, M>;
}

function readFields(fields: Readonly<Record<string, string>>, instance: Instance): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const [name, type] of Object.entries(fields)) {
    const values = instance.properties.get(name)?.filter((each) => each !== null) ?? [];
    const [first] = values;
    if (first === undefined) continue;
    const place = `${instance.className}.${name}`;
    if (type === "uint8[]" && isBase64(values)) read[name] = [...Buffer.from(values[0], "base64")];
    else if (type.endsWith("[]"))
      read[name] = values.map((each) => readScalar(type.slice(0, -2), each, place));
    else read[name] = readScalar(type, first, place);
  }
  return read;
}

/** Bytes come together in base64 (DSP0230, 7.2); numbers of their own have three digits at most. */
function isBase64(values: readonly Raw[]): values is readonly [string] {
  const [first, ...others] = values;
  return others.length === 0 && typeof first === "string" && first.length > 3;
}

function readScalar(type: string, raw: Raw, place: string): unknown {
  if (type === "reference" ? isReference(raw) : type === "instance" ? isInstance(raw) : false) return raw;
  if (typeof raw !== "string") throw new WsmanProtocolError(`${place} is no ${type}`);
  switch (type) {
    case "string":
    case "datetime":
      return raw;
    case "boolean":
      return /^true$/i.test(raw.trim());
    case "uint64":
    case "sint64":
      return wholeNumber(raw, place);
    // Some servers put an instance into another as text.
    case "instance":
      return readCimXml(raw);
    case "reference":
      throw new WsmanProtocolError(`${place} is "${raw}" and no ${type}`);
    default:
      return Number(wholeNumber(raw, place));
  }
}

const MOST_SHOWN = 40;

function wholeNumber(raw: string, place: string): bigint {
  const text = raw.trim();
  if (!/^-?\d+$/.test(text))
    throw new WsmanProtocolError(`${place} is "${raw.slice(0, MOST_SHOWN)}", which is no whole number`);
  return BigInt(text);
}
