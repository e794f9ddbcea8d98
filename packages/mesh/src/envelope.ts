import type { MsgHdrs } from "@nats-io/transport-node";
import { headers } from "@nats-io/transport-node";
import { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import { classify } from "./subjects.ts";

/**
 * An event as a NATS message: protobuf body, CloudEvents 1.0 attributes as headers (the binary content mode of
 * CloudEvents' NATS binding), and the event's id as JetStream's message id, so that a repeat is dropped.
 */
export interface Envelope {
  readonly messageId: string;
  readonly headers: MsgHdrs;
  readonly body: Uint8Array;
}

export function packEvent(event: Event): Envelope {
  const h = headers();
  const { eventClass, name } = classify(event);
  set(h, "ce-specversion", "1.0");
  set(h, "ce-id", event.id);
  set(h, "ce-type", `io.virtmesh.domain.${eventClass}.${name}.v1`);
  set(h, "ce-source", event.uri);
  set(h, "ce-subject", event.domainUuid);
  set(h, "ce-time", event.time?.toISOString() ?? "");
  set(h, "content-type", "application/protobuf");
  set(h, "traceparent", event.traceparent);
  set(h, "actor", event.actor);
  set(h, "requestid", event.requestId);
  return { messageId: event.id, headers: h, body: Event.encode(event).finish() };
}

export function unpackEvent(body: Uint8Array): Event {
  return Event.decode(body);
}

/** The id that a stored message was published with; empty when it had none. */
export function messageIdOf(h: MsgHdrs | undefined): string {
  return h?.get("Nats-Msg-Id") ?? "";
}

/** Header values are one line of printable text; an actor's name may hold anything, and is percent-encoded. */
function set(h: MsgHdrs, name: string, value: string): void {
  if (value === "") return;
  h.set(name, value.toWellFormed().replaceAll(/[^\x21-\x7e]|%/gu, encodeURIComponent));
}
