import { BasicConnection, type Connection, type Credentials } from "./connection.ts";
import { IDENTIFY, newMessageId, readAnswer, writeEnvelope } from "./envelope.ts";
import { WsmanProtocolError } from "./errors.ts";
import { addressOf, type Endpoint, urlOf } from "./http.ts";
import { NegotiateConnection } from "./negotiate-connection.ts";
import { NS, WQL } from "./namespaces.ts";
import { ConnectionPool } from "./pool.ts";
import { type Instance, type Reference, readInstance, type Value, writeValues } from "./values.ts";
import { at, escapeXml, textAt, type XmlNode } from "./xml.ts";

export interface CallOptions {
  readonly signal: AbortSignal;
  /** How long the server may take for it; 60 seconds unless given, which is also what most servers allow at most. */
  readonly timeoutMs?: number;
}

/** What of an exchange differs from others. */
interface Exchange {
  readonly action: string;
  readonly resourceUri: string;
  readonly selectors?: Readonly<Record<string, string>>;
  readonly header?: string;
  readonly body?: string;
}

export interface Identity {
  readonly vendor: string;
  readonly version: string;
}

/** One way to send an envelope: the pool, or a connection of one's own. */
export type Poster = Pick<Connection, "post">;

const TIMEOUT_MS = 60_000;
/** Beyond its own time a server that says nothing is gone. */
const GRACE_MS = 30_000;
/** As many requests at once; hosts allow 15 a user at least (MaxConcurrentOperationsPerUser). */
const CONNECTIONS = 4;
/** Items that one Pull asks for; servers may give fewer, and some give one at a time whatever is asked. */
const PAGE = 100;

/** A client of WS-Management (DSP0226) as Windows speaks it (MS-WSMV), for classes of WMI (DSP0227, DSP0230). */
export class WsmanClient implements Disposable {
  readonly endpoint: Endpoint;
  readonly #credentials: Credentials;
  readonly #pool: ConnectionPool;

  constructor(endpoint: Endpoint, credentials: Credentials) {
    this.endpoint = endpoint;
    this.#credentials = credentials;
    this.#pool = new ConnectionPool(() => this.openConnection(), CONNECTIONS);
  }

  get address(): string {
    return addressOf(this.endpoint);
  }

  [Symbol.dispose](): void {
    this.#pool[Symbol.dispose]();
  }

  /** A connection beside the pool, for requests that wait. The caller ends it. */
  openConnection(): Connection {
    return this.#credentials.scheme === "basic"
      ? new BasicConnection(this.endpoint, this.#credentials)
      : new NegotiateConnection(this.endpoint, this.#credentials);
  }

  /** What the server is. It checks the login too. */
  async identify(options: CallOptions): Promise<Identity> {
    const silenceMs = (options.timeoutMs ?? TIMEOUT_MS) + GRACE_MS;
    const text = await this.#pool.post(IDENTIFY, { signal: options.signal, silenceMs });
    const answer = readAnswer(text, "Identify");
    return {
      vendor: textAt(answer, "ProductVendor") ?? "",
      version: textAt(answer, "ProductVersion") ?? "",
    };
  }

  /** @throws WsmanFault DestinationUnreachable when there is none */
  async get({ resourceUri, selectors }: Reference, options: CallOptions): Promise<Instance> {
    const action = `${NS.transfer}/Get`;
    const answer = await this.exchange({ action, resourceUri, selectors }, options);
    return readInstance(this.#needed(answer, action));
  }

  /** Writes an instance. Answered is what it is then, or nothing where that is what was sent (DSP0226, 7.4). */
  async put(
    { resourceUri, selectors }: Reference,
    className: string,
    properties: Readonly<Record<string, Value>>,
    options: CallOptions,
  ): Promise<Instance | undefined> {
    const body = `<p:${className}>${writeValues(properties)}</p:${className}>`;
    const answer = await this.exchange(
      { action: `${NS.transfer}/Put`, resourceUri, selectors, body },
      options,
    );
    return answer && readInstance(answer);
  }

  /** Calls a method; the answer's properties are its out parameters and `ReturnValue`. */
  async invoke(
    { resourceUri, selectors }: Reference,
    method: string,
    parameters: Readonly<Record<string, Value>>,
    options: CallOptions,
  ): Promise<Instance> {
    const action = `${resourceUri}/${method}`;
    const body = `<p:${method}_INPUT>${writeValues(parameters)}</p:${method}_INPUT>`;
    const answer = await this.exchange({ action, resourceUri, selectors, body }, options);
    if (answer?.name !== `${method}_OUTPUT`)
      throw new WsmanProtocolError(`${this.address} answered ${method} with <${answer?.name ?? "nothing"}>`);
    return readInstance(answer);
  }

  /** Every instance that a query of WMI finds in a namespace, as they come. `resourceUri` ends in `*`. */
  async *query(resourceUri: string, wql: string, options: CallOptions): AsyncGenerator<Instance, void> {
    const filter = `<w:Filter Dialect="${WQL}">${escapeXml(wql)}</w:Filter>`;
    const begun = await this.exchange(
      { action: `${NS.enumeration}/Enumerate`, resourceUri, body: `<n:Enumerate>${filter}</n:Enumerate>` },
      options,
    );
    let context = textAt(begun, "EnumerationContext");
    let ended = at(begun, "EndOfSequence") !== undefined;
    while (!ended) {
      const page = await this.pull(this.#pool, resourceUri, context ?? "", PAGE, options);
      ended = page.ended;
      context = page.context ?? context;
      let isRead = false;
      try {
        yield* page.items;
        isRead = true;
      } finally {
        // Nobody reads on: the server need not keep the rest.
        if (!isRead && !ended) await this.#release(resourceUri, context ?? "", options);
      }
    }
  }

  async #release(resourceUri: string, context: string, options: CallOptions): Promise<void> {
    const body = `<n:Release><n:EnumerationContext>${escapeXml(context)}</n:EnumerationContext></n:Release>`;
    await this.exchange({ action: `${NS.enumeration}/Release`, resourceUri, body }, options);
  }

  /** What a context has next: up to `most` items. The last of them and the end may come together. */
  async pull(
    poster: Poster,
    resourceUri: string,
    context: string,
    most: number,
    options: CallOptions,
  ): Promise<{
    readonly items: readonly Instance[];
    readonly context: string | undefined;
    readonly ended: boolean;
  }> {
    const body =
      `<n:Pull><n:EnumerationContext>${escapeXml(context)}</n:EnumerationContext>` +
      `<n:MaxElements>${most}</n:MaxElements></n:Pull>`;
    const answer = await this.exchange(
      { action: `${NS.enumeration}/Pull`, resourceUri, body },
      options,
      poster,
    );
    return {
      items: at(answer, "Items")?.children.map(readInstance) ?? [],
      context: textAt(answer, "EnumerationContext"),
      ended: at(answer, "EndOfSequence") !== undefined,
    };
  }

  /** One request and its answer; the pool's connections unless another is named. */
  async exchange(
    request: Exchange,
    { signal, timeoutMs = TIMEOUT_MS }: CallOptions,
    poster: Poster = this.#pool,
  ): Promise<XmlNode | undefined> {
    const messageId = newMessageId();
    const envelope = writeEnvelope({
      ...{ body: "", ...request, messageId, timeoutMs },
      to: urlOf(this.endpoint),
    });
    const text = await poster.post(envelope, { signal, silenceMs: timeoutMs + GRACE_MS });
    return readAnswer(text, request.action, messageId);
  }

  #needed(answer: XmlNode | undefined, action: string): XmlNode {
    if (answer !== undefined) return answer;
    throw new WsmanProtocolError(`${this.address} answered ${action} with an empty body`);
  }
}
