import { WsmanFault } from "../wsman/errors.ts";
import { settingReference } from "./session.ts";
import type { MsvmSession } from "./session.ts";
import { Jobs } from "./jobs.ts";
import type { Msvm } from "./types.ts";

const { signal } = new AbortController();
const JOB = settingReference("Msvm_ConcreteJob", "AB-1");
const RUNNING = { InstanceID: "AB-1", JobState: 4 };

/** Answers one after the other to whoever asks for the job. */
function asked(...answers: readonly (Msvm<"Msvm_ConcreteJob"> | Error)[]): {
  readonly session: Pick<MsvmSession, "get">;
  readonly questions: () => number;
} {
  let count = 0;
  const get = async (): Promise<Msvm<"Msvm_ConcreteJob">> => {
    const answer = answers[Math.min(count++, answers.length - 1)] ?? RUNNING;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { session: { get } as Pick<MsvmSession, "get">, questions: () => count };
}

describe("a job of the host", () => {
  it("has ended when an event says so, and is asked for once", async () => {
    const jobs = new Jobs();
    const { session, questions } = asked(RUNNING);
    const following = jobs.follow(session, JOB, { signal });
    jobs.tell({ InstanceID: "ab-1", JobState: 4 });
    jobs.tell({ InstanceID: "other", JobState: 7 });
    jobs.tell({ InstanceID: "ab-1", JobState: 7 });
    await following;
    expect(questions()).toBe(1);
  });

  it("may have ended before anybody listened", async () => {
    await new Jobs().follow(asked({ ...RUNNING, JobState: 7 }).session, JOB, { signal });
  });

  it("is asked for again when events may have been missed", async () => {
    const jobs = new Jobs();
    const { session, questions } = asked(RUNNING, { ...RUNNING, JobState: 7 });
    const following = jobs.follow(session, JOB, { signal });
    await Promise.resolve();
    jobs.askAgain();
    await following;
    expect(questions()).toBe(2);
  });

  it("says how far it is, whoever has told that last", async () => {
    const jobs = new Jobs();
    const seen: number[] = [];
    const watcher = { begun: () => undefined, progress: (percent: number) => void seen.push(percent) };
    const { session } = asked({ ...RUNNING, PercentComplete: 10 });
    const following = jobs.follow(session, JOB, { signal }, watcher);
    jobs.tell({ InstanceID: "AB-1", JobState: 4, PercentComplete: 50 });
    jobs.tell({ InstanceID: "AB-1", JobState: 7, PercentComplete: 100 });
    await following;
    expect(seen).toEqual([10, 100]);
  });

  it("fails with what it says", async () => {
    const failed = { ...RUNNING, JobState: 10, ErrorCode: 32778, ErrorDescription: "nicht genug Speicher" };
    await expect(new Jobs().follow(asked(failed).session, JOB, { signal })).rejects.toMatchObject({
      ...{ name: "HypervError", code: 32778, message: "nicht genug Speicher" },
    });
  });

  it("that the host has forgotten did not end well for all we know", async () => {
    const gone = new WsmanFault({ subcode: "DestinationUnreachable", code: 0, message: "gone" }, "Get");
    await expect(new Jobs().follow(asked(gone).session, JOB, { signal })).rejects.toThrow(/forgotten/);
  });

  it("is waited for as long as the caller waits", async () => {
    const abort = new AbortController();
    const following = new Jobs().follow(asked(RUNNING).session, JOB, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(following).rejects.toThrow("enough");
  });
});
