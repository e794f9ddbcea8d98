import { type KeyValue, type Reference } from "../cim/value.ts";
import { reference } from "../cim/path.ts";
import { findClass } from "../schema/classes.ts";
import { attribute, child, children, readXml, type XmlNode } from "../xml/node.ts";
import { Fault } from "./faults.ts";
import { ADDRESSING, SOAP, WMI, WSMAN } from "./namespaces.ts";

export interface Selector {
  readonly name: string;
  readonly value: KeyValue;
}

/** A request as its header says it. */
export interface Request {
  readonly action: string;
  readonly messageId: string;
  readonly resourceUri: string;
  readonly selectors: readonly Selector[];
  readonly options: ReadonlyMap<string, string>;
  readonly maxEnvelopeBytes: number | undefined;
  readonly operationTimeoutMs: number | undefined;
  /** What is in the body; undefined when it is empty. */
  readonly body: XmlNode | undefined;
  readonly header: XmlNode;
}

/** @throws XmlError, Fault */
export function readRequest(xml: string): Request {
  const envelope = readXml(xml);
  if (envelope.name !== "Envelope" || envelope.uri !== SOAP)
    throw new Fault("s:VersionMismatch", "The request is no SOAP 1.2 envelope.");
  const header = child(envelope, "Header", SOAP) ?? empty("Header");
  const textAt = (name: string, uri: string): string | undefined => child(header, name, uri)?.text.trim();
  const size = textAt("MaxEnvelopeSize", WSMAN);
  const timeout = textAt("OperationTimeout", WSMAN);
  return {
    header,
    action: textAt("Action", ADDRESSING) ?? "",
    messageId: textAt("MessageID", ADDRESSING) ?? "",
    resourceUri: textAt("ResourceURI", WSMAN) ?? "",
    selectors: readSelectors(child(header, "SelectorSet", WSMAN)),
    options: new Map(
      children(child(header, "OptionSet", WSMAN), "Option").map((o) => [attribute(o, "Name") ?? "", o.text]),
    ),
    maxEnvelopeBytes: size === undefined ? undefined : Number(size),
    operationTimeoutMs: timeout === undefined ? undefined : readDuration(timeout),
    body: child(envelope, "Body", SOAP)?.children[0],
  };
}

function empty(name: string): XmlNode {
  return { name, uri: SOAP, attributes: [], text: "", children: [] };
}

export function readSelectors(set: XmlNode | undefined): readonly Selector[] {
  return children(set, "Selector").map((selector) => {
    const inner = child(selector, "EndpointReference");
    return {
      name: attribute(selector, "Name") ?? "",
      value: inner === undefined ? selector.text.trim() : readReference(inner),
    };
  });
}

/** Reads an endpoint reference, whose parts may stand in an element of their own. @throws Fault */
export function readReference(node: XmlNode): Reference {
  const parameters = child(child(node, "EndpointReference") ?? node, "ReferenceParameters", ADDRESSING);
  const uri = child(parameters, "ResourceURI", WSMAN)?.text.trim();
  if (uri === undefined)
    throw new Fault("w:InvalidParameter", `${node.name} is no reference: it has no ResourceURI.`);
  const { className } = classOf(uri);
  const keys = readSelectors(child(parameters, "SelectorSet", WSMAN)).map(
    (selector) => [selector.name, selector.value] as const,
  );
  return reference(className, Object.fromEntries(keys));
}

export interface ResourceClass {
  readonly namespace: string;
  /** `*` for all classes of the namespace. */
  readonly className: string;
}

/** @throws Fault for what is no class of WMI */
export function classOf(resourceUri: string): ResourceClass {
  const path = resourceUri.startsWith(WMI) ? resourceUri.slice(WMI.length) : "";
  const cut = path.lastIndexOf("/");
  const namespace = path.slice(0, cut).toLowerCase();
  const className = path.slice(cut + 1);
  if (namespace !== "root/virtualization/v2" && namespace !== "root/cimv2")
    throw new Fault("a:DestinationUnreachable", `The resource URI "${resourceUri}" is not known here.`, {
      detail: "InvalidResourceURI",
    });
  return { namespace, className: className === "*" ? "*" : (findClass(className)?.name ?? className) };
}

/** `PT60.000S`, in milliseconds. @throws Fault */
export function readDuration(text: string): number {
  const [, days, hours, minutes, seconds] =
    /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(text) ?? [];
  const parts = [days, hours, minutes, seconds];
  if (parts.every((part) => part === undefined))
    throw new Fault("w:InvalidParameter", `"${text}" is no length of time.`);
  const [d = 0, h = 0, m = 0, s = 0] = parts.map((part) => Number(part ?? 0));
  return (((d * 24 + h) * 60 + m) * 60 + s) * 1000;
}
