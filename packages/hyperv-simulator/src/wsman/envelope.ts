import { randomUUID } from "node:crypto";
import { element, textElement } from "../xml/write.ts";
import { ADDRESSING, ANONYMOUS, declare, type Prefix } from "./namespaces.ts";

export interface EnvelopeOptions {
  readonly action: string;
  readonly relatesTo: string;
  readonly locale: string;
  readonly body: string;
  readonly prefixes: readonly Prefix[];
}

/** The envelope of an answer, with its headers in the order of Windows. */
export function envelope({ action, relatesTo, locale, body, prefixes }: EnvelopeOptions): string {
  const header =
    textElement("a:Action", action) +
    textElement("a:MessageID", `uuid:${randomUUID().toUpperCase()}`) +
    textElement("a:To", ANONYMOUS) +
    (relatesTo === "" ? "" : textElement("a:RelatesTo", relatesTo));
  return element("s:Envelope", element("s:Header", header) + element("s:Body", body), {
    "xml:lang": locale,
    ...declare("s", "a", ...prefixes),
  });
}

/** Of an envelope with a fault in it. */
export const FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault";
export const ADDRESSING_FAULT_ACTION = `${ADDRESSING}/fault`;
