import { encodeInstance, resourceUriOf } from "../cim/encode.ts";
import { namespaceOf, referenceTo } from "../cim/path.ts";
import type { Instance } from "../cim/value.ts";
import type { Host } from "../host/host.ts";
import { type CimClass, needClass } from "../schema/classes.ts";
import { children, readXml, type XmlNode } from "../xml/node.ts";
import { CODES, Fault } from "./faults.ts";
import { readValues } from "./read-values.ts";

/**
 * Writes what is given of an instance, and answers it as it is then (MS-WSMV 3.1.4.3, DSP0226 7.4). A whole instance may
 * come back; one in which something is changed that cannot be is refused, and nothing of it is written. @throws Fault
 */
export function put(host: Host, target: Instance, body: XmlNode | undefined): string {
  const cimClass = needClass(target.className);
  const writable = writableOf(cimClass);
  if (writable.length === 0)
    throw new Fault("a:ActionNotSupported", `${cimClass.name} has no property that Put can write.`);
  if (body === undefined || body.name !== cimClass.name || body.uri !== resourceUriOf(cimClass.name))
    throw invalid(`The body of Put is a ${cimClass.name} of its class.`, "InvalidNamespace");
  const isWritable = ({ name }: XmlNode): boolean => writable.includes(name);
  const unchangeable = body.children.filter((node) => !isWritable(node));
  checkUnchanged(cimClass, target, body, new Set(unchangeable.map(({ name }) => name)));
  const values = readValues(body.children.filter(isWritable), {
    ...{ owner: cimClass.name, kind: "property", refuse: invalid },
    typeOf: (name) => cimClass.properties.get(name),
  });
  const path = referenceTo(target);
  host.repository.update(path, values);
  return encodeInstance(host.repository.get(path) ?? target);
}

/**
 * Of Hyper-V's own objects nothing: its settings change by methods, and where their pages say "Read/write" it is read as
 * being about the text that a method takes.
 */
function writableOf({ name, writable }: CimClass): readonly string[] {
  return namespaceOf(name) === "root/cimv2" ? writable : [];
}

function checkUnchanged(
  { name, properties }: CimClass,
  target: Instance,
  body: XmlNode,
  given: ReadonlySet<string>,
): void {
  const present = readXml(encodeInstance(target));
  for (const property of given) {
    if (!properties.has(property)) throw invalid(`${name} has no property ${property}.`);
    if (contentOf(body, property) !== contentOf(present, property))
      throw invalid(`${name}.${property} is read-only.`);
  }
}

/** The same text for the same values, whichever their type. */
function contentOf(instance: XmlNode, property: string): string {
  const texts = ({ text, children: inner }: XmlNode): unknown => [text.trim(), inner.map(texts)];
  return JSON.stringify(children(instance, property).map(texts));
}

function invalid(message: string, detail = "InvalidValues"): Fault {
  return new Fault("x:InvalidRepresentation", message, { detail, code: CODES.invalidParameter });
}
