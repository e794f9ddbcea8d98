import type { QmpEvent } from "../qmp/events.ts";
import { memoryFact, MemoryWatch } from "./memory-watch.ts";

const at = (timeMs: number, event: Pick<QmpEvent, "event" | "data">): QmpEvent =>
  ({ ...event, timeMs }) as QmpEvent;
const migration = (timeMs: number, status: string): QmpEvent =>
  at(timeMs, { event: "MIGRATION", data: { status } } as Pick<QmpEvent, "event" | "data">);

describe("what QEMU says of memory on its way out", () => {
  it("counts how long the CPUs stood still from the first STOP, though a switch to post-copy has one of its own before", () => {
    const watch = new MemoryWatch();
    watch.postcopy();
    watch.observe(at(100, { event: "STOP", data: undefined }));
    watch.observe(at(150, { event: "STOP", data: undefined }));
    expect(watch.observe(migration(180, "pre-switchover"))).toEqual({
      fact: "switchover",
      order: "postcopy",
      stoppedForMs: 80,
    });
  });

  it("calls a switch-over that came by itself one of pre-copy", () => {
    expect(new MemoryWatch().observe(migration(5, "pre-switchover"))).toMatchObject({ order: "precopy" });
  });

  it.each([
    ["completed", "sent"],
    ["postcopy-active", "postcopyActive"],
    ["postcopy-paused", "postcopyPaused"],
    ["failed", "ended"],
    ["cancelled", "ended"],
  ] as const)("takes %s for %s", (status, fact) => {
    expect(memoryFact(status)).toMatchObject({ fact });
  });

  it.each(["none", "setup", "active", "device", "postcopy-recover", "cancelling"] as const)(
    "makes nothing of %s",
    (status) => expect(memoryFact(status)).toBeUndefined(),
  );
});
