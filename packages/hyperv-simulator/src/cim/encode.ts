import { type CimClass, type ElementType, needClass } from "../schema/classes.ts";
import { ADDRESSING, ANONYMOUS, CIM, WMI, WSMAN, XSI } from "../wsman/namespaces.ts";
import { element, textElement } from "../xml/write.ts";
import { namespaceOf } from "./path.ts";
import { type Instance, isArray, type KeyValue, type Reference, type Scalar, type Value } from "./value.ts";

export function resourceUriOf(className: string): string {
  return `${WMI}${namespaceOf(className)}/${className}`;
}

/** An instance as an answer has it: its properties in the order of the alphabet, null ones too, but for arrays. */
export function encodeInstance(instance: Instance, namespace?: string): string {
  const cimClass = needClass(instance.className);
  return element(`p:${cimClass.name}`, encodeProperties("p", cimClass, instance), {
    "xmlns:xsi": XSI,
    "xmlns:p": namespace === undefined ? resourceUriOf(cimClass.name) : `${WMI}${namespace}/${cimClass.name}`,
    "xmlns:cim": CIM,
    "xsi:type": `p:${cimClass.name}_Type`,
  });
}

function encodeProperties(prefix: string, cimClass: CimClass, instance: Instance): string {
  return [...cimClass.properties]
    .map(([name, type]) => encodeValue(`${prefix}:${name}`, type, instance.values[name] ?? null))
    .join("");
}

/**
 * A property or parameter. An array is its element repeated; one that is null is left out, as Windows does. Bytes are one
 * text in base64: so libvirt's driver reads them.
 */
export function encodeValue(name: string, type: ElementType, value: Value): string {
  if (value === null) return type.isArray ? "" : element(name, "", { "xsi:nil": "true" });
  if (type.isArray && type.name === "uint8" && isArray(value))
    return textElement(name, Buffer.from(value.map(Number)).toString("base64"));
  const items = isArray(value) ? value : [value];
  return items.map((item) => encodeScalar(name, type, item)).join("");
}

function encodeScalar(name: string, type: ElementType, value: Scalar): string {
  if (typeof value !== "object") return textElement(name, String(value));
  if (value instanceof Date) return element(name, textElement("cim:Datetime", isoTime(value)));
  switch (value.kind) {
    case "interval":
      return element(name, textElement("cim:Interval", isoInterval(value.ms)));
    case "reference":
      return element(name, referenceParts(value), { "xmlns:a": ADDRESSING, "xmlns:w": WSMAN });
    case "embedded": {
      // A property of MOF's type string holds the object as text, one of a class's type the object itself.
      const { className } = value.instance;
      if (type.name === "string") throw new Error(`${name} holds its object as text; write it as one`);
      return element(name, encodeProperties("q", needClass(className), value.instance), {
        "xmlns:q": resourceUriOf(className),
        "xsi:type": `q:${className}_Type`,
      });
    }
  }
}

function referenceParts({ className, keys }: Reference): string {
  const selectors = Object.entries(keys).map(([name, value]) => encodeSelector(name, value));
  return (
    textElement("a:Address", ANONYMOUS) +
    element(
      "a:ReferenceParameters",
      textElement("w:ResourceURI", resourceUriOf(className)) + element("w:SelectorSet", selectors.join("")),
    )
  );
}

function encodeSelector(name: string, value: KeyValue): string {
  if (typeof value === "string") return textElement("w:Selector", value, { Name: name });
  return element("w:Selector", encodeReference(value), { Name: name });
}

/** As an item of an enumeration of references. */
export function encodeReference(path: Reference): string {
  return element("a:EndpointReference", referenceParts(path), { "xmlns:a": ADDRESSING, "xmlns:w": WSMAN });
}

/** Windows counts in ten millionths of a second and leaves out zeros at the end. */
function isoTime(time: Date): string {
  const [whole = "", rest = ""] = time.toISOString().replace("Z", "").split(".");
  const fraction = rest.replace(/0+$/, "");
  return `${whole}${fraction === "" ? "" : `.${fraction}`}Z`;
}

function isoInterval(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  const micros = ms % 1000 === 0 ? "" : `.${String(Math.round((ms % 1000) * 1000)).padStart(6, "0")}`;
  return `P${days}DT${(hours ?? 0) % 24}H${(minutes ?? 0) % 60}M${seconds % 60}${micros}S`;
}
