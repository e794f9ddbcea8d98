import type { IncomingMessage, ServerResponse } from "node:http";
import { type Admitted, type Gate, SOAP_TYPE } from "../auth/gate.ts";
import { readBody } from "../body.ts";
import type { Host } from "../host/host.ts";
import type { Disturbance } from "../host/settings.ts";
import { XmlError, type XmlNode } from "../xml/node.ts";
import { readXml } from "../xml/node.ts";
import { Dispatcher, identifyBody, IDENTIFY } from "./dispatch.ts";
import { ADDRESSING_FAULT_ACTION, envelope, FAULT_ACTION } from "./envelope.ts";
import { CODES, Fault, faultBody, isFault, timedOut } from "./faults.ts";
import { readRequest, type Request } from "./request.ts";

/** WS-Management over HTTP: one message a request. */
export class Service {
  readonly #host: Host;
  readonly #gate: Gate;
  readonly #dispatcher: Dispatcher;
  readonly #running = new Map<string, number>();

  constructor(host: Host, gate: Gate) {
    this.#host = host;
    this.#gate = gate;
    this.#dispatcher = new Dispatcher(host);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, this.#host.settings().quotas.maxEnvelopeBytes);
    if (body === undefined) return void response.writeHead(413).end();
    if (request.method !== "POST") return void response.writeHead(405, { allow: "POST" }).end();
    if (!/^\/wsman\b/.test(request.url ?? "")) return void response.writeHead(404).end();
    if (request.headers["wsmanidentify"] === "unauthenticated") return this.#identify(response, body);
    const admitted = this.#gate.admit(request, body);
    if (admitted.challenges.length > 0) response.setHeader("www-authenticate", [...admitted.challenges]);
    if (admitted.kind === "refused") return void response.writeHead(401).end();
    if (admitted.message.length === 0) return void response.writeHead(200).end();
    await this.#serve(response, admitted);
  }

  #identify(response: ServerResponse, body: Buffer): void {
    const isIdentify = isIdentifyBody(decode(body));
    const answer = isIdentify ? this.#envelope(undefined, { action: "", body: identifyBody() }) : "";
    response.writeHead(isIdentify ? 200 : 401, { "content-type": SOAP_TYPE }).end(answer);
  }

  async #serve(response: ServerResponse, admitted: Admitted): Promise<void> {
    const send = (status: number, text: string): void => {
      const { contentType, body } = admitted.wrap(Buffer.from(text));
      response.writeHead(status, { "content-type": contentType, "content-length": body.length }).end(body);
    };
    let request: Request | undefined;
    using operation = this.#count(admitted.user);
    try {
      const text = decode(admitted.message);
      if (isIdentifyBody(text))
        return send(200, this.#envelope(undefined, { action: "", body: identifyBody() }));
      request = readRequest(text);
      if (operation.count > this.#host.settings().quotas.maxConcurrentOperationsPerUser)
        throw new Fault("w:QuotaLimit", "The user has too many operations in progress.", {
          code: CODES.quota,
        });
      const disturbance = this.#host.takeDisturbance(Dispatcher.operationOf(request));
      if (!(await this.#disturb(disturbance, request, response))) return;
      const reply = await this.#dispatcher.answer(request, closed(response));
      if (disturbance?.does === "drop after") return void response.destroy();
      const answer = this.#envelope(request, reply);
      const most = this.#host.settings().quotas.maxEnvelopeBytes;
      if (Buffer.byteLength(answer) > Math.min(request.maxEnvelopeBytes ?? most, most))
        throw new Fault("w:EncodingLimit", "The answer is larger than the envelope may be.", {
          detail: "MaxEnvelopeSize",
        });
      send(200, answer);
    } catch (e) {
      const fault = e instanceof XmlError ? new Fault("w:SchemaValidationError", `${e.message}.`) : e;
      if (!isFault(fault)) throw e;
      send(fault.options.httpStatus ?? 500, this.#fault(request, fault));
    }
  }

  /** Lets happen what was ordered; false when there is to be no answer. @throws Fault */
  async #disturb(
    disturbance: Disturbance | undefined,
    request: Request,
    response: ServerResponse,
  ): Promise<boolean> {
    switch (disturbance?.does) {
      case undefined:
      case "drop after":
        return true;
      case "drop before":
        response.destroy();
        return false;
      case "unauthorized": {
        const { challenges } = this.#gate.refuse("the simulator was told to refuse");
        response.writeHead(401, { "www-authenticate": [...challenges] }).end();
        return false;
      }
      case "delay":
        await this.#delay(disturbance.delayMs ?? 0, request);
        return true;
      case "fault":
        throw new Fault(disturbance.subcode ?? "w:InternalError", "The simulator was told to fail.");
    }
  }

  /** @throws Fault when it is longer than the client has patience for */
  async #delay(ms: number, { operationTimeoutMs }: Request): Promise<void> {
    const patience = operationTimeoutMs ?? this.#host.settings().quotas.operationTimeoutMs;
    await new Promise<void>((done) => this.#host.timers.after(Math.min(ms, patience), done));
    if (ms > patience) throw timedOut();
  }

  #envelope(
    request: Request | undefined,
    reply: {
      readonly action: string;
      readonly body: string;
      readonly prefixes?: Parameters<typeof envelope>[0]["prefixes"];
    },
  ): string {
    return envelope({
      ...{ action: reply.action, body: reply.body, prefixes: reply.prefixes ?? [] },
      ...{ relatesTo: request?.messageId ?? "", locale: this.#host.seed.locale },
    });
  }

  #fault(request: Request | undefined, fault: Fault): string {
    const { hostName, locale } = this.#host.seed;
    return envelope({
      action: fault.subcode.startsWith("a:") ? ADDRESSING_FAULT_ACTION : FAULT_ACTION,
      relatesTo: request?.messageId ?? "",
      ...{ locale, body: faultBody(fault, hostName, locale), prefixes: ["n", "x", "e", "w"] },
    });
  }

  #count(user: string): Disposable & { readonly count: number } {
    const count = (this.#running.get(user) ?? 0) + 1;
    this.#running.set(user, count);
    return {
      count,
      [Symbol.dispose]: () => void this.#running.set(user, (this.#running.get(user) ?? 1) - 1),
    };
  }
}

/** UTF-8, or UTF-16 as some clients of Windows send it. */
function decode(message: Buffer): string {
  const isWide = message[1] === 0 || (message[0] === 0xff && message[1] === 0xfe);
  return message.toString(isWide ? "utf16le" : "utf8").replace(/^\uFEFF/, "");
}

function isIdentifyBody(text: string): boolean {
  try {
    const soapBody = readXml(text).children.find((c: XmlNode) => c.name === "Body");
    const [first] = soapBody?.children ?? [];
    return first?.name === IDENTIFY.name && first.uri === IDENTIFY.uri;
  } catch (e) {
    if (e instanceof XmlError) return false;
    throw e;
  }
}

/** Aborted when whoever asked is gone. */
function closed(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return gone.signal;
}
