import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { Events } from "../chassis.ts";
import type { EventDraft } from "./draft.ts";
import type { EventLog } from "./event-log.ts";

export interface EventHubOptions {
  readonly log: EventLog;
  /** Connection URI of the agent. */
  readonly uri: string;
  readonly host: string;
  readonly generationOf: (uuid: string) => bigint;
  /** Called with every event, in order; must not throw. */
  readonly onEvent: (event: Event) => void;
}

/** Gives events their place in the order of things and hands them on, to everybody in that order. */
export class EventHub implements Events {
  readonly log: EventLog;
  readonly #options: EventHubOptions;

  constructor(options: EventHubOptions) {
    this.log = options.log;
    this.#options = options;
  }

  get instance(): string {
    return this.log.instance;
  }

  emit(draft: EventDraft): Event {
    const event = this.log.append((sequence) => this.#make(draft, sequence, `${this.instance}.${sequence}`));
    this.#options.onEvent(event);
    return event;
  }

  /** An event for one watcher alone, of this moment: part of a snapshot. */
  snapshotOf(draft: EventDraft): Event {
    const { last } = this.log;
    return this.#make(draft, last, `${this.instance}.${last}.${draft.uuid}`);
  }

  #make(draft: EventDraft, sequence: bigint, id: string): Event {
    return {
      id,
      time: new Date(draft.timeMs ?? Date.now()),
      uri: this.#options.uri,
      host: this.#options.host,
      domainUuid: draft.uuid,
      domainName: draft.name,
      sequence,
      generation: this.#options.generationOf(draft.uuid),
      actor: draft.actor ?? "",
      requestId: draft.requestId ?? "",
      traceparent: draft.traceparent ?? "",
      reconciled: draft.reconciled ?? false,
      body: draft.body,
    };
  }
}
