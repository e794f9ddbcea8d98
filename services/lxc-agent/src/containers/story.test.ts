import type { LxcState } from "../lxc/records.ts";
import { BOOTED, compare, endingOf, follow, type Standing } from "./story.ts";

const state = (name: LxcState) => ({ kind: "state" as const, container: "c", state: name });
const exit = (status: number) => ({ kind: "exit" as const, container: "c", status });

/** Tells a run all of them; what was told of it, and how it stands. */
function tell(...records: readonly (ReturnType<typeof state> | ReturnType<typeof exit>)[]) {
  let standing: Standing = BOOTED;
  const told: string[] = [];
  let ended = false;
  for (const record of records) {
    const step = follow(standing, record);
    standing = step.standing;
    told.push(...step.told.map((t) => `${t.type} ${t.detail}`.trim()));
    ended ||= step.ended === true;
  }
  return { standing, told, ended };
}

describe("the story of a container, as its monitor tells it", () => {
  it("has one event for each pause and resumption, however often they are told", () => {
    const { standing, told } = tell(
      state("FREEZING"),
      state("FROZEN"),
      state("FROZEN"),
      state("THAWED"),
      state("THAWED"),
      state("RUNNING"),
    );
    expect(told).toEqual(["suspended paused", "resumed unpaused"]);
    expect(standing).toMatchObject({ state: "running", reason: "unpaused" });
  });

  it("goes on over a reboot from inside, and says so once", () => {
    const { told, ended, standing } = tell(
      exit(1),
      state("STOPPING"),
      state("STOPPED"),
      state("STARTING"),
      state("RUNNING"),
    );
    expect({ told, ended }).toEqual({ told: ["rebooted"], ended: false });
    expect(standing).toEqual(BOOTED);
  });

  it("ends when the container stops, and when nothing comes of a reboot", () => {
    expect(tell(exit(2), state("STOPPING"), state("STOPPED"))).toMatchObject({ ended: true, told: [] });
    const failed = tell(exit(1), state("STOPPED"), state("STARTING"), state("ABORTING"), state("STOPPED"));
    expect(failed.ended).toBe(true);
    expect(endingOf(failed.standing, false)).toBe("crashed");
  });

  it("is made good by a question where records were missed", () => {
    expect(compare(BOOTED, "FROZEN").told).toEqual([{ type: "suspended", detail: "paused" }]);
    expect(compare({ ...BOOTED, state: "paused" }, "RUNNING").told).toEqual([
      { type: "resumed", detail: "unpaused" },
    ]);
    expect(compare(BOOTED, "RUNNING").told).toEqual([]);
  });

  it.each([
    [{ ...BOOTED, exit: 9 }, true, "destroyed"],
    [{ ...BOOTED, exit: 2 }, false, "shutdown"],
    [{ ...BOOTED, exit: 0 }, false, "shutdown"],
    [{ ...BOOTED, exit: 9 }, false, "crashed"],
    [{ ...BOOTED, exit: 256 }, false, "crashed"],
    [BOOTED, false, "unknown"],
  ])("ends %j, destroyed: %s, as %s", (standing, destroyed, reason) => {
    expect(endingOf(standing, destroyed)).toBe(reason);
  });
});
