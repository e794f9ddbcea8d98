import type { CallOptions, WsmanClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { WsmanProtocolError, isTimedOut } from "./errors.ts";
import { NS, PULL_MODE, WQL } from "./namespaces.ts";
import { type Instance, type Reference, readReference } from "./values.ts";
import { at, escapeXml, textAt } from "./xml.ts";

/** The server answers a Pull at the latest after this: with events, or that it timed out. */
const WAIT_MS = 60_000;
/** The server forgets subscriptions by itself, should we be gone; nobody may renew one (MS-WSMV 3.1.4.6), it is made anew. */
const EXPIRES_S = 24 * 60 * 60;
const PAGE = 100;

/**
 * Events of WMI as the server pushes them: one Pull after the other on a connection of its own, each of which the
 * server answers when something has happened (WS-Eventing in Pull mode, DSP0226, 10).
 */
export class Subscription implements AsyncDisposable {
  readonly #client: WsmanClient;
  readonly #connection: Connection;
  readonly #resourceUri: string;
  readonly #manager: Reference;
  #context: string;
  #ended = false;

  private constructor(
    client: WsmanClient,
    connection: Connection,
    resourceUri: string,
    manager: Reference,
    context: string,
  ) {
    this.#client = client;
    this.#connection = connection;
    this.#resourceUri = resourceUri;
    this.#manager = manager;
    this.#context = context;
  }

  /**
   * From here on events are kept for us. @throws WsmanFault: `FilteringRequestedUnavailable`, `CannotProcessFilter`,
   * `DeliveryModeRequestedUnavailable`, `ActionNotSupported` from servers that have no such events
   */
  static async open(
    client: WsmanClient,
    resourceUri: string,
    wql: string,
    options: CallOptions,
  ): Promise<Subscription> {
    const connection = client.openConnection();
    try {
      const body =
        `<e:Subscribe><e:Delivery Mode="${PULL_MODE}"/><e:Expires>PT${EXPIRES_S}.000S</e:Expires>` +
        `<w:Filter Dialect="${WQL}">${escapeXml(wql)}</w:Filter></e:Subscribe>`;
      const answer = await client.exchange(
        { action: `${NS.eventing}/Subscribe`, resourceUri, body },
        options,
        connection,
      );
      const manager = at(answer, "SubscriptionManager");
      const context = textAt(answer, "EnumerationContext");
      if (manager === undefined || context === undefined)
        throw new WsmanProtocolError(`${client.address} took a subscription and gave nothing to pull from`);
      return new Subscription(client, connection, resourceUri, readManager(manager, resourceUri), context);
    } catch (e) {
      connection[Symbol.dispose]();
      throw e;
    }
  }

  /** The events since the last time, at least one of them; undefined when the server has ended the subscription. */
  async next(signal: AbortSignal): Promise<readonly Instance[] | undefined> {
    while (!this.#ended) {
      try {
        const page = await this.#client.pull(this.#connection, this.#resourceUri, this.#context, PAGE, {
          signal,
          timeoutMs: WAIT_MS,
        });
        this.#context = page.context ?? this.#context;
        this.#ended = page.ended;
        if (page.items.length > 0) return page.items;
      } catch (e) {
        if (!isTimedOut(e)) throw e;
      }
    }
    return undefined;
  }

  /** Ends it at the server too, if that still answers. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection[Symbol.dispose]();
    if (this.#ended) return;
    this.#ended = true;
    try {
      const { resourceUri, selectors } = this.#manager;
      const identifier = selectors["Identifier"];
      await this.#client.exchange(
        {
          action: `${NS.eventing}/Unsubscribe`,
          resourceUri,
          ...(identifier === undefined
            ? { selectors }
            : { header: `<e:Identifier>${escapeXml(identifier)}</e:Identifier>` }),
          body: "<e:Unsubscribe/>",
        },
        { signal: AbortSignal.timeout(2_000), timeoutMs: 2_000 },
      );
    } catch {
      // A server that is gone has no subscription to end, and one that hangs ends it by itself.
    }
  }
}

/** The manager is named by an identifier in its reference parameters (WS-Eventing, 3.1), beside a resource or selectors. */
function readManager(node: Parameters<typeof readReference>[0], resourceUri: string): Reference {
  const parameters = at(node, "ReferenceParameters");
  const identifier = textAt(parameters, "Identifier");
  if (identifier !== undefined)
    return {
      resourceUri: textAt(parameters, "ResourceURI") ?? resourceUri,
      selectors: { Identifier: identifier },
    };
  return readReference(node);
}
