import { randomUUID } from "node:crypto";
import { encodeInstance } from "../cim/encode.ts";
import type { Change } from "../cim/repository.ts";
import type { Host } from "../host/host.ts";
import { type EventQuery, parseEventQuery, selects, toEvent } from "../wql/events.ts";
import { WqlError } from "../wql/parse.ts";
import { attribute, child } from "../xml/node.ts";
import { element, textElement } from "../xml/write.ts";
import { mostItems, portion } from "./enumerate.ts";
import { CODES, Fault, timedOut } from "./faults.ts";
import { ANONYMOUS, EVENTING, PULL_MODE, WQL, WSMAN } from "./namespaces.ts";
import { classOf, readDuration, type Request } from "./request.ts";

interface Subscription extends Disposable {
  readonly id: string;
  readonly namespace: string;
  readonly queue: Change[];
  context: string;
  expiry: Disposable;
  /** Called when there is an event, or the end. */
  wake: () => void;
  isOver: boolean;
}

/** How long it lives when it does not say, and at the most. */
const DEFAULT_EXPIRES_MS = 600_000;
const MAX_EXPIRES_MS = 86_400_000;
/** What nobody fetches is dropped, the oldest first. */
const MAX_QUEUED = 10_000;

/** Subscriptions to events that are fetched by Pull, which waits until there are some (WS-Eventing, DSP0226 10). */
export class Subscriptions {
  readonly #host: Host;
  readonly #open = new Map<string, Subscription>();

  constructor(host: Host) {
    this.#host = host;
  }

  subscribe(request: Request): string {
    const { body } = request;
    this.#refuseWhereTold();
    const delivery = child(body, "Delivery", EVENTING);
    const mode = delivery === undefined ? "" : attribute(delivery, "Mode");
    if (mode !== PULL_MODE)
      throw new Fault(
        "e:DeliveryModeRequestedUnavailable",
        `The delivery mode "${mode ?? ""}" is not available.`,
      );
    const query = this.#query(request);
    const expiresMs = expiresOf(child(body, "Expires", EVENTING)?.text);
    const subscription = this.#add(query, classOf(request.resourceUri).namespace, expiresMs);
    const manager = element(
      "e:SubscriptionManager",
      textElement("a:Address", ANONYMOUS) +
        element(
          "a:ReferenceParameters",
          textElement("w:ResourceURI", request.resourceUri) + textElement("e:Identifier", subscription.id),
        ),
    );
    return element(
      "e:SubscribeResponse",
      manager +
        textElement("e:Expires", isoDuration(expiresMs)) +
        textElement("n:EnumerationContext", subscription.context),
    );
  }

  #refuseWhereTold(): void {
    if (this.#host.settings().subscriptions === "refused")
      throw new Fault("e:FilteringRequestedUnavailable", "Events are not filtered by this dialect.");
  }

  /** @throws Fault */
  #query(request: Request): EventQuery {
    if (classOf(request.resourceUri).className !== "*")
      throw new Fault("e:EventSourceUnableToProcess", "With a filter of WQL the class name must be '*'.");
    const filter = child(request.body, "Filter", WSMAN);
    const dialect = filter === undefined ? "" : attribute(filter, "Dialect");
    if (filter === undefined || dialect !== WQL)
      throw new Fault("e:FilteringRequestedUnavailable", `The dialect "${dialect ?? ""}" is not available.`);
    try {
      return parseEventQuery(filter.text.trim());
    } catch (e) {
      if (!(e instanceof WqlError)) throw e;
      this.#host.refused.push(`${filter.text.trim()}: ${e.message}`);
      throw new Fault("e:EventSourceUnableToProcess", `The query is not valid: ${e.message}.`, {
        code: CODES.invalidQuery,
      });
    }
  }

  #add(query: EventQuery, namespace: string, expiresMs: number): Subscription {
    const listening = this.#host.repository.onChange((change) => {
      if (this.#host.settings().events === "lost" || !selects(query, change, this.#host.seed.hostName))
        return;
      subscription.queue.push(change);
      if (subscription.queue.length > MAX_QUEUED) subscription.queue.shift();
      subscription.wake();
    });
    const subscription: Subscription = {
      ...{ id: newId(), context: newId(), namespace, queue: [], isOver: false, wake: () => undefined },
      expiry: this.#host.timers.after(expiresMs, () => subscription[Symbol.dispose]()),
      [Symbol.dispose]: () => {
        listening[Symbol.dispose]();
        subscription.expiry[Symbol.dispose]();
        subscription.isOver = true;
        this.#open.delete(subscription.id);
        subscription.wake();
      },
    };
    this.#open.set(subscription.id, subscription);
    return subscription;
  }

  has(context: string): boolean {
    return [...this.#open.values()].some((subscription) => subscription.context === context);
  }

  /** Waits for events, as long as the request allows. @throws Fault with the code of a time-out when none came */
  async pull(request: Request, context: string, signal: AbortSignal): Promise<string> {
    const subscription = [...this.#open.values()].find((s) => s.context === context);
    if (subscription === undefined) throw new Error(`there is no subscription ${context}`);
    if (subscription.queue.length === 0) await this.#wait(subscription, request, signal);
    if (subscription.isOver && subscription.queue.length === 0)
      return element("n:PullResponse", element("n:Items", "") + element("n:EndOfSequence", ""));
    if (subscription.queue.length === 0) throw timedOut();
    const events = subscription.queue.slice(0, mostItems(this.#host, request));
    const items = events.map((change) => encodeInstance(toEvent(change), subscription.namespace));
    const { now } = portion(this.#host, request, items);
    subscription.queue.splice(0, now.length);
    subscription.context = newId();
    return element(
      "n:PullResponse",
      textElement("n:EnumerationContext", subscription.context) + element("n:Items", now.join("")),
    );
  }

  #wait(subscription: Subscription, request: Request, signal: AbortSignal): Promise<void> {
    const { operationTimeoutMs } = this.#host.settings().quotas;
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = this.#host.timers.after(request.operationTimeoutMs ?? operationTimeoutMs, resolve);
    subscription.wake = resolve;
    signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(() => patience[Symbol.dispose]());
  }

  renew(request: Request): string {
    const subscription = this.#need(request);
    if (this.#host.settings().renewals === "refused")
      throw new Fault("e:UnableToRenew", "The subscription cannot be renewed.");
    const expiresMs = expiresOf(child(request.body, "Expires", EVENTING)?.text);
    subscription.expiry[Symbol.dispose]();
    subscription.expiry = this.#host.timers.after(expiresMs, () => subscription[Symbol.dispose]());
    return element("e:RenewResponse", textElement("e:Expires", isoDuration(expiresMs)));
  }

  unsubscribe(request: Request): void {
    this.#need(request)[Symbol.dispose]();
  }

  #need(request: Request): Subscription {
    const id = child(request.header, "Identifier", EVENTING)?.text.trim() ?? "";
    const subscription = this.#open.get(id);
    if (subscription === undefined) throw new Fault("e:InvalidMessage", `There is no subscription "${id}".`);
    return subscription;
  }
}

function newId(): string {
  return `uuid:${randomUUID().toUpperCase()}`;
}

/** A length of time, or a time. @throws Fault */
function expiresOf(text: string | undefined): number {
  const written = text?.trim() ?? "";
  if (written === "") return DEFAULT_EXPIRES_MS;
  const ms = written.startsWith("P") ? readDuration(written) : Date.parse(written) - Date.now();
  if (!(ms > 0)) throw new Fault("e:InvalidExpirationTime", `"${written}" is no time to come.`);
  return Math.min(ms, MAX_EXPIRES_MS);
}

function isoDuration(ms: number): string {
  return `PT${(ms / 1000).toFixed(3)}S`;
}
