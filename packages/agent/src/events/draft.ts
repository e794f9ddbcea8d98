import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";

/** What happened, before it has a place in the order of things. */
export interface EventDraft {
  readonly uuid: string;
  readonly name: string;
  /** Milliseconds since the epoch; now unless told. */
  readonly timeMs?: number;
  readonly reconciled?: boolean;
  readonly actor?: string;
  readonly requestId?: string;
  readonly traceparent?: string;
  readonly body: NonNullable<Event["body"]>;
}
