import fc from "fast-check";
import { Event, LifecycleEventType } from "@virtmesh/api/gen/virtmesh/v1/event";
import {
  eventSubjects,
  formatEventSubject,
  formatFactSubject,
  parseEventSubject,
  parseFactSubject,
  subjectOf,
} from "./subjects.ts";

const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/).filter((w) => w !== "-");
const subject = fc.record({
  host: word,
  hypervisor: word,
  domainUuid: fc.oneof(fc.uuid(), fc.constant("")),
  eventClass: fc.constantFrom("lifecycle" as const, "block_job" as const, "migration" as const),
  event: word,
});

describe("subjects", () => {
  it("of events read back what they were made of", () => {
    fc.assert(
      fc.property(subject, (s) => {
        expect(parseEventSubject(formatEventSubject(s))).toEqual(s);
      }),
    );
  });

  it("of facts read back what they were made of", () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.constantFrom("source" as const, "destination" as const),
        word,
        (id, side, fact) => {
          expect(parseFactSubject(formatFactSubject(id, side, fact))).toEqual({ id, side, fact });
        },
      ),
    );
  });

  it("are not made of names that would change their meaning", () => {
    for (const host of ["a.b", "*", ">", "a b", ""]) {
      expect(() =>
        formatEventSubject({
          host,
          hypervisor: "qemu",
          domainUuid: "",
          eventClass: "lifecycle",
          event: "started",
        }),
      ).toThrow("cannot be part of a NATS subject");
    }
  });

  it("name host, hypervisor, guest, class and event", () => {
    const event = Event.fromPartial({
      uri: "qemu+tls://host-a/system",
      host: "host-a",
      domainUuid: "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
      body: {
        $case: "lifecycle",
        value: { type: LifecycleEventType.LIFECYCLE_EVENT_TYPE_PMSUSPENDED, detail: "" },
      },
    });
    expect(subjectOf(event)).toBe(
      "virtmesh.v1.event.host-a.qemu.1b4e28ba-2fa1-41d2-883f-0016d3cca427.lifecycle.pmsuspended",
    );
  });

  it("of all events of a guest leave the host open", () => {
    expect(eventSubjects({ domainUuid: "u-1" })).toBe("virtmesh.v1.event.*.*.u-1.>");
  });
});
