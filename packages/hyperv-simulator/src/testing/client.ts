import { request } from "node:http";
import { child, readXml, type XmlNode } from "../xml/node.ts";
import { element, escapeXml, textElement } from "../xml/write.ts";
import {
  ADDRESSING,
  ANONYMOUS,
  ENUMERATION,
  EVENTING,
  SOAP,
  TRANSFER,
  WMI,
  WQL,
  WSMAN,
} from "../wsman/namespaces.ts";

export interface Wire {
  readonly status: number;
  readonly text: string;
  /** What is in the body. */
  readonly body: XmlNode;
}

/** Sends messages as they stand, with a name and a password. For tests: it knows nothing of what it sends. */
export class WireClient {
  readonly #port: number;
  readonly #authorization: string;

  constructor(port: number, user: string, password: string) {
    this.#port = port;
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }

  post(xml: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Wire> {
    const { promise, resolve, reject } = Promise.withResolvers<Wire>();
    const call = request({
      ...{ host: "127.0.0.1", port: this.#port, path: "/wsman", method: "POST" },
      headers: {
        "content-type": "application/soap+xml;charset=UTF-8",
        authorization: this.#authorization,
        ...headers,
      },
    });
    call.on("error", reject);
    call.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const status = response.statusCode ?? 0;
        resolve({ status, text, body: text === "" ? EMPTY : bodyOf(text) });
      });
    });
    call.end(xml);
    return promise;
  }

  get(className: string, selectors: Selectors): Promise<Wire> {
    return this.post(message(`${TRANSFER}/Get`, uri(className), "", selectors));
  }

  put(className: string, selectors: Selectors, properties: string): Promise<Wire> {
    const body = element(`p:${className}`, properties, { "xmlns:p": uri(className) });
    return this.post(message(`${TRANSFER}/Put`, uri(className), body, selectors));
  }

  enumerate(className: string, more = ""): Promise<Wire> {
    return this.post(message(`${ENUMERATION}/Enumerate`, uri(className), element("n:Enumerate", more)));
  }

  /** All that a query finds, in one answer. */
  async query(wql: string, namespace = "root/virtualization/v2"): Promise<readonly XmlNode[]> {
    const filter = textElement("w:Filter", wql, { Dialect: WQL });
    const body = element(
      "n:Enumerate",
      `<w:OptimizeEnumeration/><w:MaxElements>1000</w:MaxElements>${filter}`,
    );
    const answer = await this.post(message(`${ENUMERATION}/Enumerate`, `${WMI}${namespace}/*`, body));
    if (answer.status !== 200) throw new Error(faultOf(answer).text);
    return child(answer.body, "Items")?.children ?? [];
  }

  pull(className: string, context: string, more = ""): Promise<Wire> {
    const body = element("n:Pull", textElement("n:EnumerationContext", context) + more);
    return this.post(message(`${ENUMERATION}/Pull`, uri(className), body));
  }

  invoke(className: string, method: string, selectors: Selectors, parameters = ""): Promise<Wire> {
    const body = element(`p:${method}_INPUT`, parameters, { "xmlns:p": uri(className) });
    return this.post(message(`${uri(className)}/${method}`, uri(className), body, selectors));
  }

  subscribe(wql: string, more = ""): Promise<Wire> {
    const body = element(
      "e:Subscribe",
      `<e:Delivery Mode="http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull"/>${more}` +
        textElement("w:Filter", wql, { Dialect: WQL }),
    );
    return this.post(message(`${EVENTING}/Subscribe`, uri("*"), body));
  }
}

const EMPTY: XmlNode = { name: "", uri: "", attributes: [], text: "", children: [] };

export type Selectors = Readonly<Record<string, string>>;

export function uri(className: string): string {
  return `${WMI}${className.startsWith("Win32_") ? "root/cimv2" : "root/virtualization/v2"}/${className}`;
}

export function message(
  action: string,
  resourceUri: string,
  body: string,
  selectors: Selectors = {},
  header = "",
): string {
  const set = Object.entries(selectors).map(([name, value]) =>
    textElement("w:Selector", value, { Name: name }),
  );
  return element(
    "s:Envelope",
    element(
      "s:Header",
      `<a:To>http://127.0.0.1/wsman</a:To><a:ReplyTo><a:Address>${ANONYMOUS}</a:Address></a:ReplyTo>` +
        textElement("a:Action", action) +
        textElement("w:ResourceURI", resourceUri) +
        textElement("a:MessageID", `uuid:${crypto.randomUUID().toUpperCase()}`) +
        (set.length === 0 ? "" : element("w:SelectorSet", set.join(""))) +
        header,
    ) + element("s:Body", body),
    { "xmlns:s": SOAP, "xmlns:a": ADDRESSING, "xmlns:n": ENUMERATION, "xmlns:e": EVENTING, "xmlns:w": WSMAN },
  );
}

/** A parameter that is a reference. */
export function referenceParameter(name: string, className: string, selectors: Selectors): string {
  const set = Object.entries(selectors).map(
    ([key, value]) => `<w:Selector Name="${key}">${escapeXml(value)}</w:Selector>`,
  );
  return element(
    `p:${name}`,
    `<a:Address>${ANONYMOUS}</a:Address><a:ReferenceParameters><w:ResourceURI>${uri(className)}</w:ResourceURI>` +
      `<w:SelectorSet>${set.join("")}</w:SelectorSet></a:ReferenceParameters>`,
  );
}

function bodyOf(xml: string): XmlNode {
  return child(readXml(xml), "Body", SOAP)?.children[0] ?? EMPTY;
}

export function textAt(node: XmlNode | undefined, ...path: readonly string[]): string | undefined {
  return path.reduce<XmlNode | undefined>((at, name) => child(at, name), node)?.text;
}

/** What a reference that was answered points to, by its selectors. */
export function selectorsOf(node: XmlNode | undefined): Selectors {
  const parts = child(node, "EndpointReference") ?? node;
  const set = child(child(parts, "ReferenceParameters"), "SelectorSet");
  return Object.fromEntries(
    (set?.children ?? []).map((s) => [s.attributes.find((a) => a.name === "Name")?.value ?? "", s.text]),
  );
}

export interface FaultSeen {
  readonly subcode: string;
  readonly code: string;
  readonly text: string;
}

export function faultOf({ body }: Wire): FaultSeen {
  const detail = child(child(body, "Detail"), "WSManFault");
  return {
    subcode: textAt(body, "Code", "Subcode", "Value") ?? "",
    code: detail?.attributes.find((a) => a.name === "Code")?.value ?? "",
    text: textAt(body, "Reason", "Text") ?? "",
  };
}
