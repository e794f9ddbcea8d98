import type { HypervisorEventBody } from "@virtmesh/core/driver/events";
import type { QmpEvent, QmpEvents } from "../qmp/events.ts";
import { haltedBy, endingOf, type Situation, type Translation, translate } from "./translate.ts";

const RUNNING: Situation = { state: "running", reason: "booted", rebooting: false, begun: true };
const PAUSED: Situation = { ...RUNNING, state: "paused", reason: "user" };

function qmp<E extends keyof QmpEvents>(event: E, data: QmpEvents[E]): QmpEvent {
  return { event, data, timeMs: 0 } as unknown as QmpEvent;
}

/** One event after the other; the bodies of all, shortened to `kind detail`. */
function play(
  from: Situation,
  ...events: QmpEvent[]
): { readonly end: Situation; readonly said: readonly string[] } {
  let step: Translation = { situation: from, bodies: [] };
  const said: string[] = [];
  for (const event of events) {
    step = translate(event, step.situation);
    said.push(...step.bodies.map(short));
  }
  return { end: step.situation, said };
}

const short = (body: HypervisorEventBody): string =>
  body.kind === "lifecycle" ? `${body.type} ${body.detail}` : body.kind;
const stop = qmp("STOP", undefined);
const resume = qmp("RESUME", undefined);
const off = qmp("SHUTDOWN", { guest: true, reason: "guest-shutdown" });
const ioError = (action: "stop" | "report") =>
  qmp("BLOCK_IO_ERROR", {
    device: "",
    "node-name": "disk-vda-format",
    operation: "write",
    action,
    nospace: true,
    reason: "No space left on device",
  });

describe("what QEMU's events mean for a guest", () => {
  it("is paused by the user, and runs again", () => {
    expect(play(RUNNING, stop)).toMatchObject({ end: PAUSED, said: ["suspended paused"] });
    expect(play(PAUSED, resume)).toMatchObject({
      end: { state: "running", reason: "unpaused" },
      said: ["resumed unpaused"],
    });
  });

  it("does not take the first RESUME for an end of a pause: it is the start", () => {
    const fresh: Situation = { state: "paused", reason: "starting-up", rebooting: false, begun: false };
    expect(play(fresh, resume)).toMatchObject({ end: { state: "running", begun: true }, said: [] });
  });

  it("tells of a guest that met a full disk as soon as it had come, and not that its user paused it", () => {
    const coming: Situation = {
      state: "paused",
      reason: "migration",
      migrating: "in",
      rebooting: false,
      begun: true,
    };
    const { end, said } = play(coming, resume, ioError("stop"), stop);
    expect(said).toEqual(["ioError"]);
    expect(haltedBy(end)).toEqual({ reason: "io-error", detail: "io-error" });
    expect(haltedBy(coming)).toEqual({ reason: "user", detail: "paused" });
  });

  it("is paused by an I/O error, which names the disk", () => {
    const { end, said } = play(RUNNING, ioError("stop"), stop);
    expect(end).toMatchObject({ state: "paused", reason: "io-error" });
    expect(said).toEqual(["ioError", "suspended io-error"]);
    expect(translate(ioError("stop"), RUNNING).bodies).toEqual([
      {
        kind: "ioError",
        disk: "vda",
        operation: "write",
        action: "stop",
        message: "No space left on device",
        outOfSpace: true,
      },
    ]);
  });

  it("forgets why it was paused when it runs again", () => {
    const { end } = play(RUNNING, ioError("stop"), stop, resume, stop);
    expect(end.reason).toBe("user");
  });

  it("goes on after an error that is only reported", () => {
    expect(play(RUNNING, ioError("report"))).toMatchObject({ end: RUNNING, said: ["ioError"] });
  });

  it("is paused by its watchdog", () => {
    expect(play(RUNNING, qmp("WATCHDOG", { action: "pause" }), stop)).toMatchObject({
      end: { state: "paused", reason: "watchdog" },
      said: ["suspended watchdog"],
    });
  });

  it("is paused, not gone, when a panic stops its CPUs", () => {
    expect(play(RUNNING, qmp("GUEST_PANICKED", { action: "pause" }), stop)).toMatchObject({
      end: { state: "paused", reason: "crashed" },
      said: ["guestPanic", "crashed panicked"],
    });
  });

  it("says on the source that a migration paused it, and that it was canceled", () => {
    const { end, said } = play({ ...RUNNING, migrating: "out" }, stop, resume);
    expect(said).toEqual(["suspended migrated", "resumed migrated"]);
    expect(end).toMatchObject({ state: "running", reason: "migration-canceled" });
  });

  it("says nothing of a guest on its way in: whoever adopts it does", () => {
    expect(play({ ...PAUSED, migrating: "in" }, resume, stop, resume)).toMatchObject({
      end: { state: "running", reason: "migrated" },
      said: [],
    });
  });

  it("turns a power-off into a reset while it reboots", () => {
    const reset = qmp("RESET", { guest: false, reason: "host-qmp-system-reset" });
    expect(play({ ...RUNNING, rebooting: true }, off, stop, reset, resume)).toMatchObject({
      end: { state: "running", rebooting: false },
      said: ["rebooted host"],
    });
  });

  it("sleeps and wakes", () => {
    expect(play(RUNNING, qmp("SUSPEND", undefined), qmp("WAKEUP", undefined))).toMatchObject({
      end: { state: "running", reason: "wakeup" },
      said: ["pmsuspended memory", "started wakeup"],
    });
  });

  it("leaves alone what it does not know", () => {
    expect(translate({ event: "NEW_IN_QEMU_99", data: {}, timeMs: 0 } as never, RUNNING)).toEqual({
      situation: RUNNING,
      bodies: [],
    });
  });
});

describe("how a guest ended", () => {
  const by = { destroyed: false, migrated: false, orderly: false };
  it.each([
    ["shut down by itself", play(RUNNING, off).end, by, "shutdown"],
    [
      "ended by a signal to QEMU",
      play(RUNNING, qmp("SHUTDOWN", { guest: false, reason: "host-signal" })).end,
      by,
      "shutdown",
    ],
    ["destroyed", RUNNING, { ...by, destroyed: true }, "destroyed"],
    ["moved to another host", RUNNING, { ...by, migrated: true, destroyed: true }, "migrated"],
    ["panicked", play(RUNNING, qmp("SHUTDOWN", { guest: true, reason: "guest-panic" })).end, by, "crashed"],
    ["killed", RUNNING, by, "crashed"],
    ["ended in order while nobody looked", RUNNING, { ...by, orderly: true }, "shutdown"],
  ])("is told when it %s", (_, last, how, reason) => {
    const ending = endingOf(last, how);
    expect(ending.reason).toBe(reason);
    expect(short(ending.body)).toBe(`stopped ${reason}`);
  });
});
