import { textElement, element } from "../xml/write.ts";
import { FAULT_DETAIL, WSMAN_FAULT } from "./namespaces.ts";

/** Codes of Windows in `f:WSManFault`; where none is known to be right, it is that of WMI. */
export const CODES = {
  accessDenied: 5,
  timedOut: 2150858793,
  invalidSelectors: 2150858843,
  invalidClass: 2147749904,
  notFound: 2147749890,
  invalidQuery: 2147749911,
  invalidMethod: 2147749934,
  invalidParameter: 2147749896,
  failed: 2147749889,
  quota: 2150859173,
} as const;

export interface FaultOptions {
  readonly code?: number;
  /** The last part of `w:FaultDetail`. */
  readonly detail?: string;
  /** `s:Receiver` where the fault is the server's own. */
  readonly by?: "s:Sender" | "s:Receiver";
  readonly httpStatus?: number;
}

/** What is answered instead of a result. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly subcode: string;
  readonly options: FaultOptions;

  constructor(subcode: string, message: string, options: FaultOptions = {}) {
    super(message);
    this.subcode = subcode;
    this.options = options;
  }
}

export function isFault(e: unknown): e is Fault {
  return e instanceof Error && e.name === "Fault";
}

export function unreachable(
  message: string,
  detail = "ResourceNotFound",
  code: number = CODES.notFound,
): Fault {
  return new Fault("a:DestinationUnreachable", message, { detail, code });
}

export function invalidParameter(message: string): Fault {
  return new Fault("w:InvalidParameter", message, { code: CODES.invalidParameter });
}

export function timedOut(): Fault {
  return new Fault("w:TimedOut", "The operation has timed out.", { code: CODES.timedOut, by: "s:Receiver" });
}

/** Of the body; the language is that of the host. */
export function faultBody(fault: Fault, host: string, locale: string): string {
  const { code = CODES.failed, detail, by = "s:Sender" } = fault.options;
  const text = `The WS-Management service cannot process the request. ${fault.message}`;
  const wsmanFault = element("f:WSManFault", textElement("f:Message", text), {
    "xmlns:f": WSMAN_FAULT,
    Code: String(code),
    Machine: host,
  });
  return element(
    "s:Fault",
    element(
      "s:Code",
      textElement("s:Value", by) + element("s:Subcode", textElement("s:Value", fault.subcode)),
    ) +
      element("s:Reason", textElement("s:Text", text, { "xml:lang": locale })) +
      element(
        "s:Detail",
        (detail === undefined ? "" : textElement("w:FaultDetail", `${FAULT_DETAIL}/${detail}`)) + wsmanFault,
      ),
  );
}
