import fc from "fast-check";
import { Event, LifecycleEventType } from "@virtmesh/api/gen/virtmesh/v1/event";
import { packEvent, unpackEvent } from "./envelope.ts";

const event = Event.fromPartial({
  id: "instance-1.7",
  time: new Date("2026-11-23T10:00:00.123Z"),
  uri: "test://host-a/default",
  host: "host-a",
  domainUuid: "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
  sequence: 7n,
  actor: "alice",
  requestId: "r-1",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  body: {
    $case: "lifecycle",
    value: { type: LifecycleEventType.LIFECYCLE_EVENT_TYPE_STARTED, detail: "booted" },
  },
});

describe("envelope", () => {
  it("carries the attributes of CloudEvents as headers and the event's id as message id", () => {
    const { messageId, headers } = packEvent(event);
    expect(messageId).toBe("instance-1.7");
    const names = [
      "ce-specversion",
      "ce-id",
      "ce-type",
      "ce-source",
      "ce-subject",
      "ce-time",
      "traceparent",
      "actor",
      "requestid",
    ];
    expect(names.map((name) => headers.get(name))).toEqual([
      "1.0",
      "instance-1.7",
      "io.virtmesh.domain.lifecycle.started.v1",
      "test://host-a/default",
      "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
      "2026-11-23T10:00:00.123Z",
      event.traceparent,
      "alice",
      "r-1",
    ]);
  });

  it("gives the event back from the body", () => {
    expect(unpackEvent(packEvent(event).body)).toEqual(event);
  });

  it("keeps headers to one printable line, whatever an actor is called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (actor) => {
        const value = packEvent({ ...event, actor }).headers.get("actor");
        expect(value).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeURIComponent(value)).toBe(actor.toWellFormed());
      }),
    );
  });

  it("leaves out what is empty", () => {
    expect(packEvent({ ...event, actor: "" }).headers.has("actor")).toBe(false);
  });
});
