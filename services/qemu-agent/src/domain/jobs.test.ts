import { BlockJobs } from "./jobs.ts";
import type { QmpEvent, QmpEvents } from "../qmp/events.ts";

function qmp<E extends keyof QmpEvents>(event: E, data: QmpEvents[E]): QmpEvent {
  return { event, data, timeMs: 0 } as unknown as QmpEvent;
}
const status = (s: QmpEvents["JOB_STATUS_CHANGE"]["status"]) =>
  qmp("JOB_STATUS_CHANGE", { id: "m-vda", status: s });
const numbers = { type: "mirror", device: "m-vda", len: 100, offset: 100, speed: 0 } as const;

function mirror(): BlockJobs {
  const jobs = new BlockJobs();
  jobs.expect({ id: "m-vda", disk: "vda", type: "mirror" });
  return jobs;
}

describe("the block jobs of a guest", () => {
  it("are told of once for each state, although a mirror flaps between ready and standby", () => {
    const jobs = mirror();
    const events = [
      ...[status("created"), status("running"), status("ready"), qmp("BLOCK_JOB_READY", numbers)],
      ...[status("standby"), status("ready"), status("waiting"), status("pending")],
      ...[qmp("BLOCK_JOB_COMPLETED", numbers), status("concluded"), status("null")],
    ];
    const told = events.flatMap((e) => jobs.observe(e)?.state ?? []);
    expect(told).toEqual(["ready", "completed"]);
    expect(jobs.list).toEqual([]);
  });

  it("have failed when they complete with an error", () => {
    const jobs = mirror();
    const told = [
      status("running"),
      status("aborting"),
      qmp("BLOCK_JOB_COMPLETED", { ...numbers, error: "No space" }),
    ].flatMap((e) => jobs.observe(e) ?? []);
    expect(told.map((j) => [j.state, j.error])).toEqual([
      ["aborting", ""],
      ["failed", "No space"],
    ]);
  });

  it("are those that a query shows after a gap, with what was known of them", () => {
    const jobs = mirror();
    const job = { ...numbers, busy: false, paused: false, ready: true, status: "ready" } as const;
    jobs.reconcile(
      [job, { ...job, device: "backup-sda", type: "backup", status: "running" }],
      () => undefined,
    );
    expect(jobs.list.map((j) => [j.id, j.disk, j.type, j.state])).toEqual([
      ["m-vda", "vda", "mirror", "ready"],
      ["backup-sda", "sda", "backup", "running"],
    ]);
    jobs.reconcile([], () => undefined);
    expect(jobs.list).toEqual([]);
  });

  it("do not hear of jobs that are none of theirs", () => {
    expect(mirror().observe(qmp("JOB_STATUS_CHANGE", { id: "create0", status: "ready" }))).toBeUndefined();
  });
});
