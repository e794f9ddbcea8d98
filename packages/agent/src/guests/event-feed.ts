import type { Call } from "@virtmesh/core/call";
import type { EventListener, HypervisorEvent, HypervisorEventBody } from "@virtmesh/core/driver/events";
import type { DomainUuid } from "@virtmesh/core/ids";

export interface EventSource {
  readonly uuid: DomainUuid;
  readonly name: string;
  /** The call that changes the guest at this moment. */
  readonly cause: Call | undefined;
}

/** Tells listeners what happened, in one order. What happened before the first of them came waits for it. */
export class EventFeed {
  readonly #listeners = new Set<EventListener>();
  #early: HypervisorEvent[] | undefined = [];

  subscribe(listener: EventListener): Disposable {
    this.#listeners.add(listener);
    // Not from within this call: whoever subscribes may not be ready before it has returned.
    if (this.#early) queueMicrotask(() => this.#catchUp());
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  emit(
    source: EventSource,
    body: HypervisorEventBody,
    when: { readonly timeMs?: number; readonly reconciled?: boolean } = {},
  ): void {
    const { actor = "", requestId = "" } = source.cause ?? {};
    this.#send({
      uuid: source.uuid,
      name: source.name,
      timeMs: when.timeMs ?? Date.now(),
      ...(when.reconciled ? { reconciled: true } : {}),
      ...(actor === "" ? {} : { actor }),
      ...(requestId === "" ? {} : { requestId }),
      body,
    });
  }

  lifecycle(
    source: EventSource,
    type: Extract<HypervisorEventBody, { readonly kind: "lifecycle" }>["type"],
    detail: string,
    when: { readonly timeMs?: number; readonly reconciled?: boolean } = {},
  ): void {
    this.emit(source, { kind: "lifecycle", type, detail }, when);
  }

  #send(event: HypervisorEvent): void {
    if (this.#early) this.#early.push(event);
    else for (const listener of [...this.#listeners]) listener(event);
  }

  #catchUp(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) this.#send(event);
  }
}
