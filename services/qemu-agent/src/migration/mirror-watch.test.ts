import type { QmpEvent } from "../qmp/events.ts";
import { MirrorWatch } from "./mirror-watch.ts";

const JOB = "migrate-vda";
const at = { timeMs: 0 };
const data = { type: "mirror" as const, device: JOB, len: 1, offset: 1, speed: 0 };
const ready: QmpEvent = { event: "BLOCK_JOB_READY", data, ...at };
const writeError: QmpEvent = {
  event: "BLOCK_JOB_ERROR",
  data: { device: JOB, operation: "write", action: "report" },
  ...at,
};
const completed = (error?: string): QmpEvent => ({
  event: "BLOCK_JOB_COMPLETED",
  data: error === undefined ? data : { ...data, error },
  ...at,
});
const turned = (status: "ready" | "standby" | "concluded" | "null"): QmpEvent => ({
  event: "JOB_STATUS_CHANGE",
  data: { id: JOB, status },
  ...at,
});

const watch = () => new MirrorWatch(new Map([[JOB, "vda"]]));

describe("the watch over mirrors", () => {
  it("takes a mirror for copied only after it was told to end, completed without error and concluded", () => {
    const w = watch();
    expect(w.observe(ready)).toEqual([{ fact: "mirrorReady", disk: "vda" }]);
    w.concluding();
    expect(w.observe(completed())).toEqual([]);
    expect(w.observe(turned("concluded"))).toEqual([{ fact: "mirrorConcluded", disk: "vda" }]);
  });

  it("fails at the first write error, though the job still calls itself ready, and then tells the reason", () => {
    const w = watch();
    w.observe(ready);
    expect(w.observe(writeError)).toEqual([
      { fact: "mirrorFailed", disk: "vda", message: "the destination refused a write", preliminary: true },
    ]);
    expect(w.observe(completed("No space left on device"))).toEqual([
      { fact: "mirrorFailed", disk: "vda", message: "No space left on device" },
    ]);
    expect(w.observe(turned("concluded"))).toEqual([]);
  });

  it("does not take a job that concluded by itself for a copy", () => {
    const w = watch();
    w.observe(ready);
    expect(w.observe(completed())).toEqual([
      { fact: "mirrorFailed", disk: "vda", message: "the copy ended before it was told to" },
    ]);
    expect(w.observe(turned("concluded"))).toEqual([]);
  });

  it("does not take a job that vanished for a copy", () => {
    const w = watch();
    w.concluding();
    expect(w.observe(turned("null"))).toEqual([
      { fact: "mirrorFailed", disk: "vda", message: "the copy is not there any more" },
    ]);
  });

  it("does not take the refusal of a cancel for a copy", () => {
    const w = watch();
    w.concluding();
    expect(
      w.refused(JOB, "Job 'migrate-vda' in state 'concluded' cannot accept command verb 'cancel'"),
    ).toHaveLength(1);
  });

  it("says ready once, however often the job flaps", () => {
    const w = watch();
    w.observe(ready);
    expect(w.observe(turned("standby"))).toEqual([]);
    expect(w.observe(ready)).toEqual([]);
  });

  it("reads the verdict that auto-dismiss=false keeps, after a gap in the events", () => {
    const job = { id: JOB, type: "mirror" as const, "current-progress": 1, "total-progress": 1 };
    expect(watch().reconcile([{ ...job, status: "concluded", error: "Input/output error" }])).toEqual([
      { fact: "mirrorFailed", disk: "vda", message: "Input/output error" },
    ]);
    expect(watch().reconcile([])).toEqual([
      { fact: "mirrorFailed", disk: "vda", message: "the copy is not there any more" },
    ]);
    expect(watch().reconcile([{ ...job, status: "ready" }])).toEqual([{ fact: "mirrorReady", disk: "vda" }]);
  });

  it("does not take for a copy what somebody else ended at the last moment, while the guest still wrote", () => {
    const watch = new MirrorWatch(new Map([[JOB, "vda"]]));
    const before = watch.observe({ event: "BLOCK_JOB_COMPLETED", data, ...at });
    watch.concluding();
    const after = watch.observe({
      event: "JOB_STATUS_CHANGE",
      data: { id: JOB, status: "concluded" },
      ...at,
    });
    expect([...before, ...after].map((f) => f.fact)).toEqual(["mirrorFailed"]);
  });
});
