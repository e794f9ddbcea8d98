import { encodeInstance } from "../cim/encode.ts";
import { reference } from "../cim/path.ts";
import { type Instance, type KeyValue, textOf, valueText } from "../cim/value.ts";
import type { Host } from "../host/host.ts";
import { findClass } from "../schema/classes.ts";
import { element, textElement } from "../xml/write.ts";
import { Contexts, type Enumeration } from "./contexts.ts";
import { enumerate, noClass, pull, contextOf } from "./enumerate.ts";
import { CODES, Fault, unreachable } from "./faults.ts";
import { invoke } from "./invoke.ts";
import { declare, ENUMERATION, EVENTING, IDENTITY, type Prefix, SHELL, TRANSFER } from "./namespaces.ts";
import { put } from "./put.ts";
import { classOf, type Request } from "./request.ts";
import { SHELL_URI, Shells } from "./shell.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What goes into the envelope of an answer. */
export interface Reply {
  readonly action: string;
  readonly body: string;
  readonly prefixes: readonly Prefix[];
}

/** The operations of WS-Management on a host. */
export class Dispatcher {
  readonly #host: Host;
  readonly #enumerations: Contexts<Enumeration>;
  readonly #subscriptions: Subscriptions;
  readonly #shells: Shells;

  constructor(host: Host) {
    this.#host = host;
    this.#enumerations = new Contexts(host.timers);
    this.#subscriptions = new Subscriptions(host);
    this.#shells = new Shells(host);
  }

  /** The name of what a request asks for, as settings name it: `Pull`, `RequestStateChange`. */
  static operationOf(request: Request): string {
    return request.action.slice(request.action.lastIndexOf("/") + 1);
  }

  /** @throws Fault */
  async answer(request: Request, signal: AbortSignal): Promise<Reply> {
    switch (request.action) {
      case `${ENUMERATION}/Enumerate`:
        return reply(request, enumerate(this.#host, this.#enumerations, request), ["n", "w"]);
      case `${ENUMERATION}/Pull`:
        return reply(request, await this.#pull(request, signal), ["n", "w"]);
      case `${EVENTING}/Subscribe`:
        return reply(request, this.#subscriptions.subscribe(request), ["n", "e", "w"]);
      case `${EVENTING}/Renew`:
        return reply(request, this.#subscriptions.renew(request), ["e", "w"]);
      case `${EVENTING}/Unsubscribe`:
        this.#subscriptions.unsubscribe(request);
        return reply(request, "", ["e", "w"]);
      case `${ENUMERATION}/Release`:
        this.#enumerations.take(contextOf(request));
        return reply(request, "", ["n", "w"]);
      case `${TRANSFER}/Get`:
        return reply(request, encodeInstance(this.#need(request)), ["x", "w"]);
      case `${TRANSFER}/Put`:
        return reply(request, put(this.#host, this.#need(request), request.body), ["x", "w"]);
      default:
        return request.resourceUri === SHELL_URI ? this.#shell(request) : this.#invoke(request);
    }
  }

  async #pull(request: Request, signal: AbortSignal): Promise<string> {
    const context = contextOf(request);
    return this.#subscriptions.has(context)
      ? await this.#subscriptions.pull(request, context, signal)
      : pull(this.#host, this.#enumerations, request);
  }

  #shell(request: Request): Reply {
    switch (request.action) {
      case `${TRANSFER}/Create`:
        return reply(request, this.#shells.create(), ["x", "w", "rsp"]);
      case `${TRANSFER}/Delete`:
        this.#shells.remove(request);
        return reply(request, "", ["x", "w"]);
      case `${SHELL}/Command`:
        return reply(request, this.#shells.command(request), ["w", "rsp"]);
      case `${SHELL}/Receive`:
        return reply(request, this.#shells.receive(request), ["w", "rsp"]);
      case `${SHELL}/Signal`:
        return reply(request, this.#shells.signal(request), ["w", "rsp"]);
      default:
        throw unsupported(request);
    }
  }

  #invoke(request: Request): Reply {
    const prefix = `${request.resourceUri}/`;
    if (request.resourceUri === "" || !request.action.startsWith(prefix)) throw unsupported(request);
    const name = request.action.slice(prefix.length);
    return reply(request, invoke(this.#host, this.#need(request), name, request.body), ["w"]);
  }

  /** The instance that class and selectors point to. @throws Fault */
  #need(request: Request): Instance {
    const { className } = classOf(request.resourceUri);
    const cimClass = findClass(className);
    if (cimClass === undefined) throw noClass(className);
    const keys = new Map(cimClass.keys.map((key) => [key.toLowerCase(), key]));
    const selectors: Record<string, KeyValue> = {};
    for (const { name, value } of request.selectors) {
      const key = keys.get(name.toLowerCase());
      if (key === undefined)
        throw new Fault("w:InvalidSelectors", `${className} has no key ${name}.`, {
          code: CODES.invalidSelectors,
          detail: "UnexpectedSelectors",
        });
      selectors[key] = value;
    }
    const found =
      Object.keys(selectors).length === cimClass.keys.length
        ? this.#host.repository.get(reference(cimClass.name, selectors))
        : this.#only(cimClass.name, selectors);
    if (found !== undefined) return found;
    throw unreachable("The service cannot find the resource identified by the resource URI and selectors.");
  }

  /** Services there is one of are found by a part of their keys, or by none. */
  #only(className: string, selectors: Readonly<Record<string, KeyValue>>): Instance | undefined {
    if (!/Service$/.test(className)) return undefined;
    const [one, ...others] = this.#host.repository
      .all(className)
      .filter((instance) =>
        Object.entries(selectors).every(
          ([key, value]) => textOf(instance, key).toLowerCase() === valueText(value).toLowerCase(),
        ),
      );
    return others.length === 0 ? one : undefined;
  }
}

function unsupported({ action }: Request): Fault {
  return new Fault("a:ActionNotSupported", `The action "${action}" is not supported by the service.`);
}

function reply(request: Request, body: string, prefixes: readonly Prefix[]): Reply {
  return { action: `${request.action}Response`, body, prefixes };
}

/** What the service is, which is told before anybody has said who they are. */
export function identifyBody(): string {
  return element(
    "wsmid:IdentifyResponse",
    textElement("wsmid:ProtocolVersion", "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd") +
      textElement("wsmid:ProductVendor", "Microsoft Corporation") +
      textElement("wsmid:ProductVersion", "OS: 10.0.20348 SP: 0.0 Stack: 3.0"),
    declare("wsmid"),
  );
}

export const IDENTIFY = { name: "Identify", uri: IDENTITY } as const;
