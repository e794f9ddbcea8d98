import { Event, LifecycleEventType } from "@virtmesh/api/gen/virtmesh/v1/event";
import { eventLine } from "./events.ts";

const base = { uri: "qemu://host-a/system", domainName: "web-1", time: new Date("2026-01-02T03:04:05Z") };

describe("the line of an event", () => {
  it("names class, guest, connection and what happened", () => {
    const body = {
      $case: "lifecycle" as const,
      value: { type: LifecycleEventType.LIFECYCLE_EVENT_TYPE_STARTED, detail: "booted" },
    };
    expect(eventLine({ ...Event.fromPartial(base), body }, false)).toBe(
      "event 'lifecycle' for domain 'web-1' on qemu://host-a/system: started booted",
    );
  });

  it("begins with the time when asked", () => {
    const body = { $case: "guestPanic" as const, value: { detail: "panicked" } };
    expect(eventLine({ ...Event.fromPartial(base), body }, true)).toBe(
      "2026-01-02T03:04:05.000Z: event 'guest-panic' for domain 'web-1' on qemu://host-a/system: panicked",
    );
  });

  it("says what was wrong with a disk", () => {
    const value = {
      disk: "vda",
      operation: "write",
      action: "stop",
      message: "No space left on device",
      outOfSpace: true,
    };
    expect(eventLine({ ...Event.fromPartial(base), body: { $case: "ioError", value } }, false)).toMatch(
      /: write of vda: No space left on device \(stop\)$/,
    );
  });

  it("says that it was found only after a restart", () => {
    const body = { $case: "guestPanic" as const, value: { detail: "panicked" } };
    expect(eventLine({ ...Event.fromPartial({ ...base, reconciled: true }), body }, false)).toMatch(
      /\(found after a restart\)$/,
    );
  });
});
