import { encodeInstance, encodeReference } from "../cim/encode.ts";
import { referenceTo } from "../cim/path.ts";
import type { Instance } from "../cim/value.ts";
import type { Host } from "../host/host.ts";
import { findClass } from "../schema/classes.ts";
import { parseWql, WqlError } from "../wql/parse.ts";
import { runQuery } from "../wql/run.ts";
import { attribute, child, type XmlNode } from "../xml/node.ts";
import { element, textElement } from "../xml/write.ts";
import type { Contexts, Enumeration } from "./contexts.ts";
import { CODES, Fault, unreachable } from "./faults.ts";
import { WQL, WSMAN } from "./namespaces.ts";
import { classOf, type Request } from "./request.ts";

type Mode = "EnumerateObject" | "EnumerateEPR" | "EnumerateObjectAndEPR";

export function enumerate(host: Host, contexts: Contexts<Enumeration>, request: Request): string {
  const body = request.body;
  const filter = child(body, "Filter");
  const instances = filter === undefined ? allOf(host, request) : queried(host, request, filter);
  const mode = modeOf(body);
  const items = instances.map((instance) => itemOf(instance, mode));
  const { enumerationTimeoutMs } = host.settings().quotas;
  if (child(body, "OptimizeEnumeration", WSMAN) === undefined) {
    const context = contexts.open({ items }, enumerationTimeoutMs);
    return element("n:EnumerateResponse", textElement("n:EnumerationContext", context));
  }
  const { now, rest } = portion(host, request, items);
  const context = rest.length === 0 ? "" : contexts.open({ items: rest }, enumerationTimeoutMs);
  return element(
    "n:EnumerateResponse",
    textElement("n:EnumerationContext", context) +
      element("w:Items", now.join("")) +
      (rest.length === 0 ? element("w:EndOfSequence", "") : ""),
  );
}

export function pull(host: Host, contexts: Contexts<Enumeration>, request: Request): string {
  const { items } = contexts.take(contextOf(request));
  const { now, rest } = portion(host, request, items);
  const context =
    rest.length === 0
      ? ""
      : textElement(
          "n:EnumerationContext",
          contexts.open({ items: rest }, host.settings().quotas.enumerationTimeoutMs),
        );
  return element(
    "n:PullResponse",
    context + element("n:Items", now.join("")) + (rest.length === 0 ? element("n:EndOfSequence", "") : ""),
  );
}

export function contextOf(request: Request): string {
  return child(request.body, "EnumerationContext")?.text.trim() ?? "";
}

/** @throws Fault */
export function mostItems(host: Host, request: Request): number {
  const wanted = Number(child(request.body, "MaxElements")?.text ?? 1);
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new Fault("w:InvalidParameter", "MaxElements is a number from 1.");
  return Math.min(wanted, host.settings().quotas.maxItemsPerPull);
}

/** How many items go into this answer: one, or as many as are asked for and fit. @throws Fault */
export function portion(
  host: Host,
  request: Request,
  items: readonly string[],
): { readonly now: readonly string[]; readonly rest: readonly string[] } {
  const { maxEnvelopeBytes } = host.settings().quotas;
  const most = mostItems(host, request);
  const bytes = Math.min(request.maxEnvelopeBytes ?? maxEnvelopeBytes, maxEnvelopeBytes) - ENVELOPE_BYTES;
  let used = 0;
  let count = 0;
  for (const item of items.slice(0, most)) {
    used += Buffer.byteLength(item);
    if (used > bytes) break;
    count++;
  }
  if (count === 0 && items.length > 0)
    throw new Fault("w:EncodingLimit", "An item is larger than the envelope may be.", {
      detail: "MaxEnvelopeSize",
    });
  return { now: items.slice(0, count), rest: items.slice(count) };
}

/** What an answer has besides its items, at the most. */
const ENVELOPE_BYTES = 1536;

function modeOf(body: XmlNode | undefined): Mode {
  const mode = child(body, "EnumerationMode", WSMAN)?.text.trim();
  if (mode === undefined || mode === "EnumerateObject") return "EnumerateObject";
  if (mode === "EnumerateEPR" || mode === "EnumerateObjectAndEPR") return mode;
  throw new Fault("w:UnsupportedFeature", `There is no EnumerationMode ${mode}.`, {
    detail: "EnumerationMode",
  });
}

function itemOf(instance: Instance, mode: Mode): string {
  switch (mode) {
    case "EnumerateObject":
      return encodeInstance(instance);
    case "EnumerateEPR":
      return encodeReference(referenceTo(instance));
    case "EnumerateObjectAndEPR":
      return element("w:Item", encodeInstance(instance) + encodeReference(referenceTo(instance)));
  }
}

function allOf(host: Host, request: Request): readonly Instance[] {
  const { className } = classOf(request.resourceUri);
  if (findClass(className) === undefined) throw noClass(className);
  return host.repository.all(className);
}

export function noClass(className: string): Fault {
  return unreachable(
    className === "*"
      ? "All classes can be asked for with a filter only."
      : `The class ${className} does not exist in the namespace.`,
    "InvalidResourceURI",
    CODES.invalidClass,
  );
}

function queried(host: Host, request: Request, filter: XmlNode): readonly Instance[] {
  const { className } = classOf(request.resourceUri);
  const dialect = attribute(filter, "Dialect");
  if (dialect !== WQL)
    throw new Fault("n:FilterDialectRequestedUnavailable", `The dialect ${dialect ?? ""} is not known here.`);
  if (className !== "*")
    throw new Fault("n:CannotProcessFilter", "With a filter of WQL the class name must be '*'.", {
      code: CODES.invalidQuery,
    });
  try {
    return runQuery(parseWql(filter.text.trim()), host.repository, host.seed.hostName);
  } catch (e) {
    if (!(e instanceof WqlError)) throw e;
    host.refused.push(`${filter.text.trim()}: ${e.message}`);
    throw new Fault("n:CannotProcessFilter", `The query is not valid: ${e.message}.`, {
      code: CODES.invalidQuery,
    });
  }
}
