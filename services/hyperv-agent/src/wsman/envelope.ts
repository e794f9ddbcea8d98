import { type FaultFacts, WsmanFault, WsmanProtocolError } from "./errors.ts";
import { ANONYMOUS, NS } from "./namespaces.ts";
import { writeSelectors } from "./values.ts";
import { at, escapeXml, readXml, textAt, type XmlNode } from "./xml.ts";

export interface Request {
  readonly action: string;
  /** Address of the server's endpoint: `https://host:5986/wsman`. */
  readonly to: string;
  readonly messageId: string;
  readonly resourceUri: string;
  readonly selectors?: Readonly<Record<string, string>>;
  /** How long the server may take before it answers that it timed out. */
  readonly timeoutMs: number;
  /** More of the header, and the body, as XML in the prefixes of the envelope. */
  readonly header?: string;
  readonly body: string;
}

/** Answers longer than that are not sent by the server but refused (MS-WSMV 3.1.4.1.4): most hosts allow this much. */
const MAX_ENVELOPE_BYTES = 512_000;

/** The whole of a request (DSP0226, 5.4; MS-WSMV 2.2.4). `p` is the prefix of its resource. */
export function writeEnvelope(request: Request): string {
  const { action, to, messageId, resourceUri, selectors = {}, timeoutMs, header = "", body } = request;
  return (
    `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="${NS.soap}" xmlns:a="${NS.addressing}"` +
    ` xmlns:n="${NS.enumeration}" xmlns:e="${NS.eventing}" xmlns:w="${NS.wsman}" xmlns:p="${escapeXml(resourceUri)}"><s:Header>` +
    `<a:To s:mustUnderstand="true">${escapeXml(to)}</a:To>` +
    `<w:ResourceURI s:mustUnderstand="true">${escapeXml(resourceUri)}</w:ResourceURI>` +
    `<a:ReplyTo><a:Address s:mustUnderstand="true">${ANONYMOUS}</a:Address></a:ReplyTo>` +
    `<a:Action s:mustUnderstand="true">${escapeXml(action)}</a:Action>` +
    `<w:MaxEnvelopeSize s:mustUnderstand="true">${MAX_ENVELOPE_BYTES}</w:MaxEnvelopeSize>` +
    `<a:MessageID>${messageId}</a:MessageID>` +
    `<w:OperationTimeout>PT${(timeoutMs / 1000).toFixed(3)}S</w:OperationTimeout>` +
    `${writeSelectors(selectors)}${header}</s:Header><s:Body>${body}</s:Body></s:Envelope>`
  );
}

/** A request without a header, which is answered whoever asks (DSP0226, 11). */
export const IDENTIFY = `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="${NS.soap}" xmlns:i="${NS.identity}"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>`;

export function newMessageId(): string {
  return `uuid:${crypto.randomUUID().toUpperCase()}`;
}

/**
 * The only child of an answer's body; undefined when it is empty. `messageId`: of the request it must be the answer
 * to. @throws WsmanFault, WsmanProtocolError
 */
export function readAnswer(xml: string, action: string, messageId?: string): XmlNode | undefined {
  const root = readXml(xml);
  if (root.ns !== NS.soap || root.name !== "Envelope")
    throw new WsmanProtocolError(`the answer is <${root.name}> and no SOAP 1.2 envelope`);
  const content = at(root, "Body")?.children[0];
  if (content?.name === "Fault") throw new WsmanFault(readFault(content), action);
  const relatesTo = textAt(root, "Header", "RelatesTo");
  if (messageId !== undefined && relatesTo?.toLowerCase() !== messageId.toLowerCase())
    throw new WsmanProtocolError(`the answer is to ${relatesTo ?? "nothing"} and not to ${messageId}`);
  return content;
}

function readFault(fault: XmlNode): FaultFacts {
  const said = at(fault, "Detail", "WSManFault");
  return {
    subcode: (textAt(fault, "Code", "Subcode", "Value") ?? textAt(fault, "Code", "Value") ?? "").replace(
      /^.*:/,
      "",
    ),
    code: Number(said?.attributes.get("Code") ?? 0),
    message: flatText(at(said, "Message")) || (textAt(fault, "Reason", "Text") ?? ""),
  };
}

/** The texts of an element and all in it: a provider's own fault lies some elements deep (MS-WSMV 2.2.4.44). */
function flatText(node: XmlNode | undefined): string {
  if (node === undefined) return "";
  return [node.text, ...node.children.map(flatText)]
    .map((text) => text.trim().replace(/\s+/g, " "))
    .filter((text) => text !== "")
    .join(" ");
}
